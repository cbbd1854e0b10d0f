export * from './deliver.modules.js';
