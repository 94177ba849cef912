--- One suggestion and what is left of it after what the user has typed since. Positions are 0-based bytes.
---
--- The server's item stands still while the user types; editors must not draw or insert it as it was. Everything here
--- compares the text that the item starts with against the text that stands before the cursor now.

---@class kodopis.Place
---@field row integer
---@field col integer

---@class kodopis.Origin
---@field position lsp.Position the cursor when it was asked
---@field behind string what stood after it then

---@class kodopis.Suggestion
---@field start kodopis.Place where its text begins
---@field behind string what stood after the cursor when it was asked for
---@field tail integer how many bytes of that it replaces
---@field text string the whole text, lines end with \n

local M = {}

---@param bufnr integer
---@param position lsp.Position
---@param encoding string
---@return kodopis.Place
local function to_place(bufnr, position, encoding)
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
  return { row = position.line, col = vim.str_byteindex(line, encoding, position.character, false) }
end

---@param bufnr integer
---@param place kodopis.Place
---@param encoding string
---@return lsp.Position
local function to_position(bufnr, place, encoding)
  local line = vim.api.nvim_buf_get_lines(bufnr, place.row, place.row + 1, false)[1] or ''
  return { line = place.row, character = vim.str_utfindex(line, encoding, math.min(place.col, #line), false) }
end

--- The cursor of the window that shows a buffer.
---@param bufnr integer
---@return kodopis.Place?
function M.cursor(bufnr)
  local window = vim.api.nvim_get_current_buf() == bufnr and 0 or vim.fn.bufwinid(bufnr)
  if window == -1 then
    return nil
  end
  local row, col = unpack(vim.api.nvim_win_get_cursor(window))
  return { row = row - 1, col = col }
end

--- What stands after a place in its line.
---@param bufnr integer
---@param place kodopis.Place
---@return string
function M.behind(bufnr, place)
  local line = vim.api.nvim_buf_get_lines(bufnr, place.row, place.row + 1, false)[1] or ''
  return line:sub(place.col + 1)
end

--- Where a client asks from, and what the items that it gets are about.
---@param bufnr integer
---@param place kodopis.Place
---@param encoding string
---@return kodopis.Origin
function M.origin(bufnr, place, encoding)
  return { position = to_position(bufnr, place, encoding), behind = M.behind(bufnr, place) }
end

--- Read an item of the server. What it replaces after the cursor is counted from where it was asked for: the user may
--- have typed since.
---@param bufnr integer
---@param item lsp.InlineCompletionItem
---@param origin kodopis.Origin
---@param encoding string
---@return kodopis.Suggestion?
function M.from_item(bufnr, item, origin, encoding)
  local text = item.insertText
  if type(text) ~= 'string' or not item.range then
    return nil
  end
  local asked, finish = origin.position, item.range['end']
  local units = finish.line == asked.line and math.max(finish.character - asked.character, 0) or 0
  return {
    start = to_place(bufnr, item.range.start, encoding),
    behind = origin.behind,
    tail = vim.str_byteindex(origin.behind, encoding, units, false),
    -- buffers hold no \r, whatever line end their file has
    text = (text:gsub('\r\n', '\n')),
  }
end

--- How many bytes after the cursor an editor has put there while the user typed: brackets and quotes that close what
--- was opened, which the suggestion has too. Nil where the user has put something there, or taken something away.
---@param bufnr integer
---@param suggestion kodopis.Suggestion
---@param cursor kodopis.Place
---@return integer?
local function closed(bufnr, suggestion, cursor)
  local now = M.behind(bufnr, cursor)
  local added = #now - #suggestion.behind
  local is_closed = vim.endswith(now, suggestion.behind) and now:sub(1, added):match('^[%)%]}"\']*$')
  return is_closed and added or nil
end

--- What is left to insert at the cursor: nil where the text around it disagrees, '' where all of it is there.
---@param bufnr integer
---@param suggestion kodopis.Suggestion
---@param cursor kodopis.Place
---@param growing boolean whether more of the text may come, so that the user may be ahead of it
---@return string? rest
---@return integer? closed how many bytes after the cursor the user's editor has closed, and `rest` brings anew
function M.rest(bufnr, suggestion, cursor, growing)
  local start = suggestion.start
  if cursor.row < start.row or (cursor.row == start.row and cursor.col < start.col) then
    return nil
  end
  if start.row >= vim.api.nvim_buf_line_count(bufnr) then
    return nil
  end
  local ok, lines = pcall(vim.api.nvim_buf_get_text, bufnr, start.row, start.col, cursor.row, cursor.col, {})
  if not ok then -- the line that it starts on has become shorter
    return nil
  end
  local n_closed = closed(bufnr, suggestion, cursor)
  if not n_closed then
    return nil
  end
  local typed = table.concat(lines, '\n')
  if vim.startswith(suggestion.text, typed) then
    return suggestion.text:sub(#typed + 1), n_closed
  end
  return growing and vim.startswith(typed, suggestion.text) and '' or nil, n_closed
end

--- The item that a client would get if it asked now, at the cursor. It goes to the line's end: Neovim draws it over
--- what stands after the cursor, and what stays there would not be seen.
---@param bufnr integer
---@param suggestion kodopis.Suggestion
---@param rest string
---@param cursor kodopis.Place
---@param encoding string
---@return lsp.InlineCompletionItem
function M.to_item(bufnr, suggestion, rest, cursor, encoding)
  local start = { row = cursor.row, col = cursor.row == suggestion.start.row and suggestion.start.col or 0 }
  local before = vim.api.nvim_buf_get_text(bufnr, start.row, start.col, cursor.row, cursor.col, {})[1]
  local behind = M.behind(bufnr, cursor)
  local stays = behind:sub(suggestion.tail + (closed(bufnr, suggestion, cursor) or 0) + 1)
  local finish = { row = cursor.row, col = cursor.col + #behind }
  return {
    insertText = before .. rest .. stays,
    range = {
      start = to_position(bufnr, start, encoding),
      ['end'] = to_position(bufnr, finish, encoding),
    },
  }
end

return M
