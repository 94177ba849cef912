--- What the user may change, from `vim.g.kodopis`. The server's settings are not here: they stand in
--- `vim.lsp.config('kodopis', { settings = { kodopis = { … } } })`.

---@class kodopis.Keys
---@field accept string|false take the ghost text
---@field accept_line string|false take its next line
---@field next_variant string|false show another answer
---@field previous_variant string|false go back to the one before
---@field ask string|false ask at the cursor, with or without a comment

---@class kodopis.Options
---@field language 'auto'|'ru'|'en' of this plugin's messages
---@field keys kodopis.Keys insert mode keys; `false` leaves one out
---@field debounce_ms integer how long to wait after a keystroke (Neovim 0.11 only; later versions have their own)
---@field variants integer how many answers to ask for, 2 or 3

local M = {}

--- The default keys are none that depend on the keyboard's layout: comments are written with the Russian one on.
---@type kodopis.Options
local defaults = {
  language = 'auto',
  keys = {
    accept = '<Tab>',
    accept_line = '<M-Right>',
    next_variant = '<M-Down>',
    previous_variant = '<M-Up>',
    ask = '<M-CR>',
  },
  debounce_ms = 200,
  variants = 3,
}

--- The options now. `vim.g.kodopis` may change at any time; keys are read when a buffer is attached.
---@return kodopis.Options
function M.get()
  local given = vim.g.kodopis
  return vim.tbl_deep_extend('force', defaults, type(given) == 'table' and given or {})
end

--- The option names that `vim.g.kodopis` holds and we do not know, sorted.
---@return string[]
function M.unknown()
  local given = vim.g.kodopis
  local names = {} ---@type string[]
  if type(given) ~= 'table' then
    return given == nil and names or { 'vim.g.kodopis' }
  end
  for name, value in pairs(given) do
    if defaults[name] == nil then
      table.insert(names, tostring(name))
    elseif name == 'keys' and type(value) == 'table' then
      for key in pairs(value) do
        if defaults.keys[key] == nil then
          table.insert(names, 'keys.' .. tostring(key))
        end
      end
    end
  end
  table.sort(names)
  return names
end

return M
