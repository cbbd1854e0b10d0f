import { getMetadataStorage } from 'class-validator';
import { readFile } from 'node:fs/promises';
import ts from 'typescript';
import { Settings } from '../platform/index.js';

export interface SettingRow {
  readonly name: string;
  /** The doc comment of the setting. */
  readonly says: string;
  /** What values are taken. */
  readonly takes: string;
  /** As one would write it in the environment; undefined when there is none. */
  readonly standard: string | undefined;
}

/** Every setting, in the order of its source: names, comments, rules and defaults as the code has them. */
export async function settingsTable(sourceFiles: readonly string[]): Promise<SettingRow[]> {
  const sources = await Promise.all(sourceFiles.map((path) => readFile(path, 'utf8')));
  const comments = new Map(sources.flatMap((source) => [...commentsOf(source)]));
  const standards = new Map<string, unknown>(Object.entries(new Settings()));
  return settingNames().map((name) => {
    const says = comments.get(name);
    if (says === undefined)
      throw new Error(`${name} has no doc comment in ${sourceFiles.join(', ')}`);
    return { name, says, takes: rulesOf(name).join('; '), standard: asText(standards.get(name)) };
  });
}

/** Names of all settings, in the order in which the class declares them. */
export function settingNames(): string[] {
  return [...new Set(rules().map((rule) => rule.propertyName))];
}

function rules(): ReturnType<
  ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']
> {
  return getMetadataStorage().getTargetValidationMetadatas(Settings, '', false, false);
}

function commentsOf(source: string): Map<string, string> {
  const file = ts.createSourceFile('settings.ts', source, ts.ScriptTarget.Latest, true);
  const comments = new Map<string, string>();
  for (const statement of file.statements) {
    if (!ts.isClassDeclaration(statement)) continue;
    for (const member of statement.members) {
      const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
      const text = ts.getTextOfJSDocComment(doc?.comment);
      if (ts.isPropertyDeclaration(member) && text !== undefined)
        comments.set(member.name.getText(file), text.replaceAll(/\s+/g, ' ').trim());
    }
  }
  return comments;
}

/** What the validators of a setting let through, in words. */
function rulesOf(name: string): string[] {
  const own = rules().filter((rule) => rule.propertyName === name);
  const limit = (kind: string): unknown =>
    own.find((rule) => rule.name === kind)?.constraints?.[0] as unknown;
  const says: string[] = [];
  if (own.some((rule) => rule.name === 'isInt')) {
    says.push(`whole number, ${String(limit('min'))} to ${String(limit('max'))}`);
  }
  if (own.some((rule) => rule.name === 'isBoolean')) says.push('`true` or `false`');
  if (own.some((rule) => rule.name === 'isUrl')) says.push('http or https URL');
  const words = limit('isIn');
  if (Array.isArray(words)) {
    const several = own.some((rule) => rule.each) ? 'one or more, comma-separated, of ' : 'one of ';
    says.push(several + words.map((word) => `\`${String(word)}\``).join(', '));
  }
  for (const rule of own)
    if (rule.name === 'is' && typeof rule.message === 'string')
      says.push(rule.message.replace(`${name} must be `, ''));
  return says.length > 0 ? says : ['text'];
}

function asText(standard: unknown): string | undefined {
  if (standard === undefined) return undefined;
  return typeof standard === 'string'
    ? standard
    : JSON.stringify(standard).replaceAll(/[[\]"]/g, '');
}
