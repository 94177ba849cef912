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

---@param keys string
---@param remap boolean
local function feed(keys, remap)
  vim.api.nvim_feedkeys(keys, remap and 'im' or 'in', false)
end

--- Do what the key would do without us: the buffer's earlier mapping, else the global one, else the key itself.
---@param bufnr integer
---@param key string
local function fall_through(bufnr, key)
  local keymap = (before[bufnr] or {})[key] or find(vim.api.nvim_get_keymap('i'), key)
  if not keymap then
    return feed(vim.keycode(key), false)
  end
  local result ---@type any
  if keymap.callback then
    result = keymap.callback()
  elseif keymap.expr == 1 then
    result = vim.api.nvim_eval((keymap.rhs:gsub('<SID>', '<SNR>' .. keymap.sid .. '_')))
  else
    return feed(vim.keycode((keymap.rhs:gsub('<SID>', '<SNR>' .. keymap.sid .. '_'))), keymap.noremap == 0)
  end
  if keymap.expr == 1 and type(result) == 'string' then
    local is_raw = keymap.callback ~= nil and keymap.replace_keycodes ~= 1
    feed(is_raw and result or vim.keycode(result), keymap.noremap == 0)
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
