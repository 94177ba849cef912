--- One suggestion and what is left of it after what the user has typed since. Positions are 0-based bytes.
---
--- The server's item stands still while the user types; editors must not draw or insert it as it was. Everything here
--- compares the text that the item starts with against the text that stands before the cursor now.

---@class kodopis.Place
---@field row integer
---@field col integer

---@class kodopis.Suggestion
---@field start kodopis.Place where its text begins
---@field tail integer how many bytes after the cursor it replaces
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

--- Read an item of the server.
---@param bufnr integer
---@param item lsp.InlineCompletionItem
---@param cursor kodopis.Place
---@param encoding string
---@return kodopis.Suggestion?
function M.from_item(bufnr, item, cursor, encoding)
  local text = item.insertText
  if type(text) ~= 'string' or not item.range then
    return nil
  end
  local finish = to_place(bufnr, item.range['end'], encoding)
  return {
    start = to_place(bufnr, item.range.start, encoding),
    tail = finish.row == cursor.row and math.max(finish.col - cursor.col, 0) or 0,
    -- buffers hold no \r, whatever line end their file has
    text = (text:gsub('\r\n', '\n')),
  }
end

--- What is left to insert at the cursor: nil where the text before it disagrees, '' where all of it is there.
---@param bufnr integer
---@param suggestion kodopis.Suggestion
---@param cursor kodopis.Place
---@param growing boolean whether more of the text may come, so that the user may be ahead of it
---@return string?
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
  local typed = table.concat(lines, '\n')
  if vim.startswith(suggestion.text, typed) then
    return suggestion.text:sub(#typed + 1)
  end
  return growing and vim.startswith(typed, suggestion.text) and '' or nil
end

--- The item that a client would get if it asked now, at the cursor.
---@param bufnr integer
---@param suggestion kodopis.Suggestion
---@param rest string
---@param cursor kodopis.Place
---@param encoding string
---@return lsp.InlineCompletionItem
function M.to_item(bufnr, suggestion, rest, cursor, encoding)
  local start = { row = cursor.row, col = cursor.row == suggestion.start.row and suggestion.start.col or 0 }
  local before = vim.api.nvim_buf_get_text(bufnr, start.row, start.col, cursor.row, cursor.col, {})[1]
  local finish = { row = cursor.row, col = cursor.col + suggestion.tail }
  return {
    insertText = before .. rest,
    range = {
      start = to_position(bufnr, start, encoding),
      ['end'] = to_position(bufnr, finish, encoding),
    },
  }
end

return M
