--- Ghost text for Neovim 0.11: the part of 0.12's `vim.lsp.inline_completion` that we use, with the same names.
---
--- It asks a little after each keystroke and draws what it is given; what is drawn when, is the session's business.

local options = require('kodopis.options')
local Suggestion = require('kodopis.suggestion')

local M = {}

local namespace = vim.api.nvim_create_namespace('kodopis.ghost')

---@class kodopis.Ghost
---@field client vim.lsp.Client
---@field items lsp.InlineCompletionItem[]
---@field index integer
---@field generation integer counts keystrokes: only the last one's timer asks

---@type table<integer, kodopis.Ghost>
local ghosts = {}

vim.api.nvim_set_hl(0, 'KodopisGhost', { link = 'NonText', default = true })
vim.api.nvim_set_hl(0, 'KodopisHint', { link = 'MoreMsg', default = true })

---@param bufnr integer
---@return lsp.InlineCompletionItem?
local function current(bufnr)
  local ghost = ghosts[bufnr]
  return ghost and ghost.items[ghost.index]
end

---@param bufnr integer
---@param hint? string
local function draw(bufnr, hint)
  vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  local item, cursor = current(bufnr), Suggestion.cursor(bufnr)
  if not item or not cursor then
    return
  end
  local encoding = ghosts[bufnr].client.offset_encoding
  local origin = Suggestion.origin(bufnr, cursor, encoding)
  local suggestion = Suggestion.from_item(bufnr, item, origin, encoding)
  local rest = suggestion and Suggestion.rest(bufnr, suggestion, cursor, false)
  if not rest or rest == '' then
    return
  end
  local lines = {} ---@type [string, string][][]
  for line in vim.gsplit(rest, '\n', { plain = true }) do
    table.insert(lines, { { line, 'KodopisGhost' } })
  end
  if hint then
    table.insert(lines[#lines], { hint, 'KodopisHint' })
  end
  vim.api.nvim_buf_set_extmark(bufnr, namespace, cursor.row, cursor.col, {
    virt_text = lines[1],
    -- over what stands there: the text goes to the line's end
    virt_text_pos = suggestion.tail > 0 and 'overlay' or 'inline',
    virt_lines = #lines > 1 and vim.list_slice(lines, 2) or nil,
    hl_mode = 'combine',
    right_gravity = true,
  })
end

---@param bufnr integer
---@param result? lsp.InlineCompletionList|lsp.InlineCompletionItem[]
local function receive(bufnr, result)
  local ghost = ghosts[bufnr]
  if ghost and result then
    ghost.items = result.items or result
    ghost.index = 1
    draw(bufnr)
  end
end

---@param bufnr integer
local function ask(bufnr)
  local ghost = ghosts[bufnr]
  if not ghost or not vim.api.nvim_buf_is_valid(bufnr) or vim.api.nvim_get_current_buf() ~= bufnr then
    return
  end
  local params = vim.lsp.util.make_position_params(0, ghost.client.offset_encoding) --[[@as lsp.InlineCompletionParams]]
  params.context = { triggerKind = 2 }
  ghost.client:request('textDocument/inlineCompletion', params, function(err, result)
    if err then
      vim.lsp.log.error('inlinecompletion', err)
    end
    receive(bufnr, result)
  end, bufnr)
end

---@param bufnr integer
local function keystroke(bufnr)
  local ghost = ghosts[bufnr]
  if not ghost then
    return
  end
  ghost.generation = ghost.generation + 1
  local generation = ghost.generation
  vim.defer_fn(function()
    if ghosts[bufnr] == ghost and ghost.generation == generation then
      ask(bufnr)
    end
  end, options.get().debounce_ms)
end

--- Start or stop asking in a buffer.
---@param enable boolean
---@param filter { bufnr: integer, client: vim.lsp.Client? }
function M.enable(enable, filter)
  local bufnr = filter.bufnr
  local group = vim.api.nvim_create_augroup('kodopis.ghost.' .. bufnr, { clear = true })
  if not enable then
    ghosts[bufnr] = nil
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
    end
    return
  end
  ghosts[bufnr] = { client = assert(filter.client), items = {}, index = 1, generation = 0 }
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedP' }, {
    group = group,
    buffer = bufnr,
    desc = 'Kodopis: ask for ghost text',
    callback = function()
      keystroke(bufnr)
    end,
  })
end

--- Show another of the items, with its number.
---@param opts { bufnr: integer, count: integer }
function M.select(opts)
  local ghost = ghosts[opts.bufnr]
  if ghost and #ghost.items > 0 then
    ghost.index = (ghost.index - 1 + opts.count) % #ghost.items + 1
    draw(opts.bufnr, (' (%d/%d)'):format(ghost.index, #ghost.items))
  end
end

return M
