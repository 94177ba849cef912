--- Insert mode keys of an attached buffer. A key that has nothing to take does what it did before.

local options = require('kodopis.options')

local M = {}

---@type table<integer, table<string, vim.api.keyset.get_keymap>> what a buffer's keys were mapped to before us
local before = {}

---@param keymaps vim.api.keyset.get_keymap[]
---@param key string
---@return vim.api.keyset.get_keymap?
local function find(keymaps, key)
  local raw = vim.keycode(key)
  for _, keymap in ipairs(keymaps) do
    if keymap.lhsraw == raw or keymap.lhsrawalt == raw or keymap.lhs == key then
      return keymap
    end
  end
end

---@class kodopis.Typed
---@field keys string
---@field is_escaped boolean whether the bytes that Neovim takes for the beginning of a special key are escaped

--- What a mapping stands for now; nil where it has done its work already.
---@param keymap vim.api.keyset.get_keymap
---@return kodopis.Typed?
local function typed_by(keymap)
  if keymap.callback then
    local result = keymap.callback() ---@type any
    if keymap.expr ~= 1 or type(result) ~= 'string' then
      return nil
    end
    local is_escaped = keymap.replace_keycodes == 1
    return { keys = is_escaped and vim.keycode(result) or result, is_escaped = is_escaped }
  end
  local rhs = keymap.rhs:gsub('<SID>', '<SNR>' .. keymap.sid .. '_')
  if keymap.expr ~= 1 then
    return { keys = vim.keycode(rhs), is_escaped = true }
  end
  local result = vim.api.nvim_eval((rhs:gsub('<lt>', '<'))) ---@type any
  -- "\<Left>" has become a key, '<Left>' has not: Vim would have made it one when the mapping was defined
  return { keys = tostring(result):gsub('<[!-;=?-~]+>', vim.keycode), is_escaped = false }
end

---@param typed kodopis.Typed
---@param remap boolean
local function feed(typed, remap)
  vim.api.nvim_feedkeys(typed.keys, remap and 'im' or 'in', not typed.is_escaped)
end

--- Do what the key would do without us: the buffer's earlier mapping, else the global one, else the key itself.
---@param bufnr integer
---@param key string
local function fall_through(bufnr, key)
  local keymap = (before[bufnr] or {})[key] or find(vim.api.nvim_get_keymap('i'), key)
  local itself = { keys = vim.keycode(key), is_escaped = true } ---@type kodopis.Typed
  if not keymap then
    return feed(itself, false)
  end
  local typed = typed_by(keymap)
  if typed and keymap.noremap == 0 and vim.startswith(typed.keys, itself.keys) then
    -- as Vim has it: the key that was mapped is not mapped again, or it would come here for ever
    typed.keys = typed.keys:sub(#itself.keys + 1)
    feed(typed, true)
    feed(itself, false) -- comes before the rest: what is fed last is read first
  elseif typed then
    feed(typed, keymap.noremap == 0)
  end
end

--- Whether the user is choosing in the completion menu, which then comes first.
---@return boolean
local function chooses_in_menu()
  return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= 0
end

---@type table<string, fun(): boolean> by the key's name in the options
local actions = {
  accept = function()
    return not chooses_in_menu() and require('kodopis').accept()
  end,
  accept_line = function()
    return require('kodopis').accept_line()
  end,
  next_variant = function()
    return require('kodopis').next_variant()
  end,
  previous_variant = function()
    return require('kodopis').previous_variant()
  end,
  ask = function()
    return require('kodopis').ask()
  end,
}

---@param bufnr integer
function M.map(bufnr)
  before[bufnr] = before[bufnr] or {}
  local existing = vim.api.nvim_buf_get_keymap(bufnr, 'i')
  for name, key in pairs(options.get().keys) do
    if key and actions[name] then
      local earlier = find(existing, key)
      if not (earlier and vim.startswith(earlier.desc or '', 'Kodopis')) then
        before[bufnr][key] = earlier
      end
      vim.keymap.set('i', key, function()
        if not actions[name]() then
          fall_through(bufnr, key)
        end
      end, { buffer = bufnr, desc = 'Kodopis: ' .. name })
    end
  end
end

--- Give the keys back.
---@param bufnr integer
function M.unmap(bufnr)
  for _, keymap in ipairs(vim.api.nvim_buf_is_valid(bufnr) and vim.api.nvim_buf_get_keymap(bufnr, 'i') or {}) do
    if vim.startswith(keymap.desc or '', 'Kodopis: ') then
      vim.keymap.del('i', keymap.lhs, { buffer = bufnr })
    end
  end
  for _, keymap in pairs(before[bufnr] or {}) do
    if vim.api.nvim_buf_is_valid(bufnr) then
      vim.api.nvim_buf_call(bufnr, function()
        vim.fn.mapset('i', false, keymap)
      end)
    end
  end
  before[bufnr] = nil
end

return M
