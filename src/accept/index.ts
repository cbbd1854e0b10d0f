export * from './accept.module.js';
