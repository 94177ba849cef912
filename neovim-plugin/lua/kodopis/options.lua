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

---@type table<string, fun(value: any): boolean> what fits an option, by its name
local fits = {
  language = function(value)
    return value == 'auto' or value == 'ru' or value == 'en'
  end,
  keys = function(value)
    return type(value) == 'table'
  end,
  debounce_ms = function(value)
    return type(value) == 'number' and value >= 0 and value % 1 == 0
  end,
  variants = function(value)
    return value == 2 or value == 3
  end,
}

---@param value any
---@return boolean
local function fits_key(value)
  return value == false or (type(value) == 'string' and value ~= '')
end

--- The defaults with what `vim.g.kodopis` says, and the names of what it says that does not fit, sorted.
---@return kodopis.Options
---@return string[]
local function read()
  local result, wrong = vim.deepcopy(defaults), {} ---@type kodopis.Options, string[]
  local given = type(vim.g.kodopis) == 'table' and vim.g.kodopis or {}
  for name, check in pairs(fits) do
    local value = given[name]
    if value ~= nil and not check(value) then
      table.insert(wrong, name)
    elseif value ~= nil and name ~= 'keys' then
      result[name] = value
    end
  end
  local keys = type(given.keys) == 'table' and given.keys or {}
  for name in pairs(defaults.keys) do
    if keys[name] ~= nil and not fits_key(keys[name]) then
      table.insert(wrong, 'keys.' .. name)
    elseif keys[name] ~= nil then
      result.keys[name] = keys[name]
    end
  end
  table.sort(wrong)
  return result, wrong
end

--- The options now; a value that does not fit counts as not given. `vim.g.kodopis` may change at any time; keys are
--- read when a buffer is attached.
---@return kodopis.Options
function M.get()
  return (read())
end

--- The names of the options whose values do not fit, sorted.
---@return string[]
function M.wrong()
  return select(2, read())
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
