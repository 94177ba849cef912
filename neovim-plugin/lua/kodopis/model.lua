--- `:Kodopis model`: which model answers, for this session.

local messages = require('kodopis.messages')
local server = require('kodopis.server')

local M = {}

---@class kodopis.Model
---@field id string
---@field title string
---@field installed boolean
---@field current boolean? null where the settings name no model that can be used
---@field sizeBytes integer
---@field licence string
---@field source? string where it is fetched from

---@param bytes integer
---@return string
local function size(bytes)
  local unit = messages.language() == 'ru' and 'ГБ' or 'GB'
  return ('%.1f %s, '):format(bytes / 1e9, unit)
end

---@param model kodopis.Model
---@return string
local function describe(model)
  local detail = messages.text('model_installed')
  if not model.installed then
    detail = messages.text('model_to_fetch', size(model.sizeBytes or 0) .. (model.licence or ''))
      .. ((model.source or '') ~= '' and ', ' .. model.source or '')
  end
  return ('%s%s (%s)'):format(model.current == true and '● ' or '', model.title, detail)
end

---@param client vim.lsp.Client
---@param bufnr integer
---@param model kodopis.Model
local function use(client, bufnr, model)
  local settings = vim.tbl_deep_extend('force', client.settings, { kodopis = { model = model.id } })
  client.settings = settings
  client:notify('workspace/didChangeConfiguration', { settings = settings })
  messages.notify(messages.text('model_chosen', model.title, model.id))
  if not model.installed then
    server.execute(client, bufnr, { name = 'download', argument = { model = model.id } }, function(result)
      messages.notify(messages.text(result.installed and 'model_downloaded' or 'model_not_downloaded'))
    end)
  end
end

--- Choose a model, by its id or from a list.
---@param client vim.lsp.Client
---@param bufnr integer
---@param id? string
function M.choose(client, bufnr, id)
  server.execute(client, bufnr, { name = 'models' }, function(result)
    local models = result.models or {} ---@type kodopis.Model[]
    if not id then
      local options = { prompt = messages.text('choose_model'), format_item = describe }
      return vim.ui.select(models, options, function(model)
        return model and use(client, bufnr, model)
      end)
    end
    for _, model in ipairs(models) do
      if model.id == id then
        return use(client, bufnr, model)
      end
    end
    messages.notify(messages.text('no_such_model', id), vim.log.levels.ERROR)
  end)
end

--- The ids for the command line's completion; waits for the server, but not long.
---@param client vim.lsp.Client
---@return string[]
function M.ids(client)
  local params = { command = 'kodopis.models', arguments = { vim.empty_dict() } }
  local answer = client:request_sync('workspace/executeCommand', params, 2000)
  local ids = {} ---@type string[]
  for _, model in ipairs(vim.tbl_get(answer or {}, 'result', 'models') or {}) do
    table.insert(ids, model.id)
  end
  return ids
end

return M
