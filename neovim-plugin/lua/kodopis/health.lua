--- `:checkhealth kodopis`

local display = require('kodopis.display')
local messages = require('kodopis.messages')
local options = require('kodopis.options')
local server = require('kodopis.server')

local M = {}

local health = vim.health
local text = messages.text
local PATIENCE_S = 10

local function check_editor()
  health.start(text('health_editor'))
  if vim.fn.has('nvim-0.11') == 0 then
    return health.error(text('old_neovim'))
  end
  health.ok('Neovim ' .. tostring(vim.version()))
  health.ok(text(display.is_native() and 'health_native' or 'health_fallback'))
  for _, name in ipairs(options.unknown()) do
    health.warn(text('health_unknown_option', name))
  end
  local wrong = options.wrong()
  if #wrong > 0 then
    health.warn(text('wrong_option', table.concat(wrong, ', ')))
  end
  local keys = {} ---@type string[]
  for name, key in pairs(options.get().keys) do
    if key then
      table.insert(keys, ('%s %s'):format(key, name))
    end
  end
  table.sort(keys)
  health.info(text('health_keys', table.concat(keys, ', ')))
end

--- Run the server's command as far as its help: this finds a broken installation without an editor session.
---@param cmd string[]
local function check_command(cmd)
  local words = {} ---@type string[]
  for _, word in ipairs(cmd) do
    if word == 'serve' then
      break
    end
    table.insert(words, word)
  end
  table.insert(words, '--help')
  local ok, result = pcall(function()
    return vim.system(words, { text = true, env = { PYTHONUTF8 = '1' } }):wait(PATIENCE_S * 1000)
  end)
  if ok and result.code == 0 then
    return health.ok(text('health_command_works'))
  end
  local reason = ok and vim.trim(result.stderr) or tostring(result)
  reason = reason ~= '' and reason or ('exit code %d'):format(result.code)
  local lines = vim.split(reason, '\n')
  health.error(text('health_command_failed', table.concat(words, ' '), lines[#lines]))
end

---@param client vim.lsp.Client
local function check_client(client)
  health.ok(text('health_attached', vim.tbl_count(client.attached_buffers)))
  local version = vim.tbl_get(client, 'server_info', 'version') ---@type string?
  if version then
    health.ok(text('health_version', version))
  end
  if not client.server_capabilities.inlineCompletionProvider then
    health.error(text('health_no_inline'))
  end
  health.start(text('health_model'))
  local params = { command = 'kodopis.status', arguments = { vim.empty_dict() } }
  local answer = client:request_sync('workspace/executeCommand', params, PATIENCE_S * 1000)
  local status = answer and answer.result ---@type kodopis.Status?
  if not status then
    local reason = vim.tbl_get(answer or {}, 'err', 'message')
    return health.error(reason or text('health_no_answer', PATIENCE_S))
  end
  local report = status.state == 'error' and health.error or health.ok
  report(require('kodopis.status').describe(status) .. (status.message and '. ' .. status.message or ''))
end

local function check_server()
  health.start(text('health_server'))
  if not server.is_enabled() then
    health.warn(text('health_not_enabled'), { text('health_enable_advice') })
  end
  local missing = server.missing_executable()
  if missing then
    return health.error(text('no_server', missing))
  end
  local cmd = vim.lsp.config.kodopis.cmd
  if type(cmd) == 'table' then
    health.info(text('health_command', table.concat(cmd, ' ')))
    check_command(cmd)
  end
  local client = vim.lsp.get_clients({ name = 'kodopis' })[1]
  if client then
    check_client(client)
  else
    health.info(text('health_not_attached'))
  end
end

function M.check()
  check_editor()
  if vim.fn.has('nvim-0.11') == 1 then
    check_server()
  end
end

return M
