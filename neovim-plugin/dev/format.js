// Formats the plugin's Lua files by ../stylua.toml; with --check only names those that are not formatted.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatCode, Config, IndentType, OutputVerification, QuoteStyle } from '@johnnymorganz/stylua';

const plugin = fileURLToPath(new URL('..', import.meta.url));
const checks = process.argv.includes('--check');

const settings = Object.fromEntries(
  readFileSync(join(plugin, 'stylua.toml'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('='))
    .map((line) => line.split('=').map((part) => JSON.parse(part.trim().replace(/^[a-z_]+$/, '"$&"')))),
);

// formatCode takes its configuration away, so that each file needs one of its own
function configuration() {
  const config = Config.new();
  config.column_width = settings.column_width;
  config.indent_type = IndentType[settings.indent_type];
  config.indent_width = settings.indent_width;
  config.quote_style = QuoteStyle[settings.quote_style];
  return config;
}

const wrong = readdirSync(plugin, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.lua') && !name.includes('node_modules'))
  .filter((name) => {
    const path = join(plugin, name);
    const code = readFileSync(path, 'utf8');
    const formatted = formatCode(code, configuration(), undefined, OutputVerification.Full);
    if (formatted !== code && !checks) writeFileSync(path, formatted);
    return formatted !== code;
  });
for (const name of wrong) console.log(`${checks ? 'would format' : 'formatted'} ${name}`);
process.exit(checks && wrong.length > 0 ? 1 : 0);
