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
  local keys = {} ---@type string[]
  for name, key in pairs(options.get().keys) do
    if key then
      table.insert(keys, ('%s %s'):format(key, name))
    end
  end
  table.sort(keys)
  health.info(text('health_keys', table.concat(keys, ', ')))
end

--- Ask the server's command for its version: this finds a broken installation without an editor session.
---@param cmd string[]
local function check_command(cmd)
  local version = vim.list_slice(cmd, 1, #cmd)
  for index, word in ipairs(version) do
    if word == 'serve' then
      version = vim.list_slice(version, 1, index - 1)
      break
    end
  end
  table.insert(version, '--version')
  local shown = table.concat(version, ' ')
  local ok, result = pcall(function()
    return vim.system(version, { text = true }):wait(PATIENCE_S * 1000)
  end)
  if ok and result.code == 0 then
    health.ok(text('health_version', vim.trim(result.stdout)))
  else
    local reason = ok and vim.trim(result.stderr ~= '' and result.stderr or ('exit code ' .. result.code)) or result
    health.error(text('health_command_failed', shown, vim.split(reason --[[@as string]], '\n')[1]))
  end
end

---@param client vim.lsp.Client
local function check_client(client)
  health.ok(text('health_attached', vim.tbl_count(client.attached_buffers)))
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
