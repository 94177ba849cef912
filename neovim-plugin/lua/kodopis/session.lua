--- What is suggested in one buffer, from the question to the last line taken.
---
--- Neovim (or `kodopis.ghost`) asks and draws. In between stands the session: it keeps the answer fitted to what the
--- user types, feeds the drawing side with the answer while it grows, and stops the generation when it is not wanted.

local display = require('kodopis.display')
local Suggestion = require('kodopis.suggestion')

---@class kodopis.Question
---@field id? integer
---@field params lsp.InlineCompletionParams
---@field place kodopis.Place the cursor when it was asked
---@field origin kodopis.Origin

---@class kodopis.Session
---@field bufnr integer
---@field client vim.lsp.Client
---@field deliver? lsp.Handler gives items to the drawing side
---@field question? kodopis.Question the newest one
---@field suggestions kodopis.Suggestion[]
---@field index integer which of them is shown
---@field variants_id? integer the request for other answers
---@field ask_next boolean the next automatic question is to be asked as if by hand
local Session = {}
Session.__index = Session

---@type table<integer, kodopis.Session>
local sessions = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1

---@param bufnr integer
---@return kodopis.Session?
function Session.of(bufnr)
  return sessions[bufnr]
end

--- The session of the buffer that a URI names. Buffers without a name share theirs: the current one is asking then.
---@param uri string
---@return kodopis.Session?
function Session.about(uri)
  local current = vim.api.nvim_get_current_buf()
  for _, bufnr in ipairs(vim.list_extend({ current }, vim.tbl_keys(sessions))) do
    if sessions[bufnr] and vim.uri_from_bufnr(bufnr) == uri then
      return sessions[bufnr]
    end
  end
end

--- The session whose newest question these are the document and position of.
---@param uri string
---@param position lsp.Position
---@return kodopis.Session?
function Session.asking(uri, position)
  for _, session in pairs(sessions) do
    local params = session.question and session.question.params
    if params and params.textDocument.uri == uri and vim.deep_equal(params.position, position) then
      return session
    end
  end
end

---@param bufnr integer
---@param client vim.lsp.Client
---@return kodopis.Session
function Session.open(bufnr, client)
  local session = setmetatable({ bufnr = bufnr, client = client, suggestions = {}, index = 1 }, Session)
  session.ask_next = false
  sessions[bufnr] = session
  return session
end

---@param bufnr integer
function Session.close(bufnr)
  sessions[bufnr] = nil
end

---@param id? integer
---@return boolean
function Session:is_pending(id)
  local request = id and self.client.requests[id]
  return request ~= nil and request.type == 'pending'
end

--- Whether the server still works on the newest question.
---@return boolean
function Session:is_growing()
  return self.question ~= nil and self:is_pending(self.question.id)
end

--- Take a question on its way to the server: answer it ourselves where we can, send it where we cannot.
---@param send fun(params: lsp.InlineCompletionParams, handler: lsp.Handler): boolean, integer?
---@param params lsp.InlineCompletionParams
---@param handler lsp.Handler
---@return boolean, integer?
function Session:ask(send, params, handler)
  self.deliver = handler
  local cursor = Suggestion.cursor(self.bufnr)
  local by_hand = self.ask_next or params.context.triggerKind == INVOKED
  local is_here = vim.api.nvim_get_current_buf() == self.bufnr and vim.api.nvim_get_mode().mode:match('^i')
  if not cursor or not is_here then
    return true, nil -- the timer ran out after insert mode or the buffer was left
  end
  if not by_hand and self:answers(cursor) then
    return true, nil
  end
  self.ask_next = false
  params.context.triggerKind = by_hand and INVOKED or params.context.triggerKind
  local origin = Suggestion.origin(self.bufnr, cursor, self.client.offset_encoding)
  local question = { params = params, place = cursor, origin = origin } ---@type kodopis.Question
  self.question, self.suggestions, self.index = question, {}, 1
  local ok, id = send(params, function(err, result, ctx)
    self:answered(question, err, result, ctx)
  end)
  question.id = id
  return ok, id
end

--- Ask at the cursor, with or without an instruction above it.
function Session:ask_by_hand()
  if not self.deliver then
    self.ask_next = true -- Neovim itself asks a moment after insert mode begins, and then tells who draws
    return
  end
  local params = vim.lsp.util.make_position_params(0, self.client.offset_encoding) --[[@as lsp.InlineCompletionParams]]
  params.context = { triggerKind = INVOKED }
  self.client:request(METHOD, params, self.deliver, self.bufnr)
end

--- Whether what is here, or on its way, is also the answer at the cursor.
---@param cursor kodopis.Place
---@return boolean
function Session:answers(cursor)
  if self:shown() then
    return true
  end
  return self:is_growing() and vim.deep_equal(self.question.place, cursor)
end

--- The whole answer has come.
---@param question kodopis.Question
---@param err? lsp.ResponseError
---@param result? lsp.InlineCompletionList|lsp.InlineCompletionItem[]
---@param ctx lsp.HandlerContext
function Session:answered(question, err, result, ctx)
  if question ~= self.question then
    return -- a newer question has been asked, and what it brought must not be wiped out
  end
  self.question = nil
  if err then
    self:show()
    return self.deliver and self.deliver(err, nil, ctx)
  end
  local items = result and (result.items or result) or {}
  self:offer(items --[=[@as lsp.InlineCompletionItem[]]=], question.origin)
end

--- Suggest these items from now on.
---@param items lsp.InlineCompletionItem[]
---@param origin kodopis.Origin where they were asked for
---@param index? integer which to show
function Session:offer(items, origin, index)
  self.suggestions = {}
  for _, item in ipairs(Suggestion.cursor(self.bufnr) and items or {}) do
    local suggestion = Suggestion.from_item(self.bufnr, item, origin, self.client.offset_encoding)
    table.insert(self.suggestions, suggestion)
  end
  self.index = index or 1
  self:show()
end

--- What the shown suggestion has left at the cursor.
---@return string? rest
---@return kodopis.Place? cursor
---@return integer? closed how many bytes after the cursor go with it, whatever part is taken
function Session:shown()
  local suggestion, cursor = self.suggestions[self.index], Suggestion.cursor(self.bufnr)
  if suggestion and cursor then
    local rest, closed = Suggestion.rest(self.bufnr, suggestion, cursor, self:is_growing())
    return rest, cursor, closed
  end
end

--- Give the drawing side what still fits at the cursor.
function Session:show()
  if not self.deliver then
    return
  end
  if not display.is_enabled(self.bufnr) then
    self.deliver = nil -- who drew is gone; who draws next, tells when it asks
    return
  end
  local cursor, items, position = Suggestion.cursor(self.bufnr), {}, 1
  for index, suggestion in ipairs(cursor and self.suggestions or {}) do
    local rest = Suggestion.rest(self.bufnr, suggestion, cursor, false)
    if rest and rest ~= '' then
      table.insert(items, Suggestion.to_item(self.bufnr, suggestion, rest, cursor, self.client.offset_encoding))
      position = index == self.index and #items or position
    end
  end
  local ctx = { method = METHOD, client_id = self.client.id, bufnr = self.bufnr } ---@type lsp.HandlerContext
  local ok, problem = pcall(self.deliver, nil, { items = items }, ctx)
  if not ok then
    -- switched off and on again: another draws now, and tells when it asks
    vim.lsp.log.warn('kodopis', problem)
    self.deliver = nil
  elseif #items > 1 then
    display.module().select({ bufnr = self.bufnr, count = position - 1 })
  end
  display.make_room(self.bufnr)
end

--- The text or the cursor has changed: keep what still fits, drop what does not.
function Session:moved()
  if #self.suggestions == 0 then
    local place, cursor = self.question and self.question.place, Suggestion.cursor(self.bufnr)
    if place and cursor and place.row ~= cursor.row then
      self:drop()
    end
    return
  end
  local rest = self:shown()
  if not rest or (rest == '' and not self:is_growing()) then
    return self:drop()
  end
  self:show()
end

--- Suggest nothing any more, and let the server stop.
function Session:drop()
  for _, id in pairs({ self.question and self.question.id, self.variants_id }) do
    if self:is_pending(id) then
      self.client:cancel_request(id)
    end
  end
  self.question = nil
  if #self.suggestions > 0 then
    self.suggestions = {}
    self:show()
    display.clear(self.bufnr)
  end
end

--- Insert what is shown, or only its beginning up to the next line. False where nothing is shown.
---@param whole boolean
---@return boolean
function Session:accept(whole)
  local rest = self:shown()
  if not rest or rest == '' or not vim.bo[self.bufnr].modifiable then
    return false
  end
  local ok, problem = pcall(self.insert, self, whole)
  if not ok and tostring(problem):find('E565:', 1, true) then
    -- a mapping with `expr` asks, as other plugins have them, and must not change the text itself
    vim.schedule(function()
      self:accept(whole)
    end)
  elseif not ok then
    error(problem, 0)
  end
  return true
end

--- Insert what is shown, see `Session:accept`.
---@private
---@param whole boolean
function Session:insert(whole)
  if vim.fn.pumvisible() == 1 then
    -- an open menu takes what is inserted for a part of the word that it completes: the next key would delete it
    vim.fn.complete(vim.fn.col('.'), {})
  end
  local rest, cursor, closed = self:shown()
  if not rest or not cursor then
    return
  end
  local suggestion = self.suggestions[self.index]
  -- an undo step of its own: taking the answer back must not take the comment too
  vim.cmd('let &l:undolevels = &l:undolevels')
  local part = whole and rest or rest:match('^\n?[^\n]*')
  local is_last = part == rest and not self:is_growing()
  local tail = closed + (is_last and suggestion.tail or 0)
  local lines = vim.split(part, '\n', { plain = true })
  vim.api.nvim_buf_set_text(self.bufnr, cursor.row, cursor.col, cursor.row, cursor.col + tail, lines)
  local col = (#lines == 1 and cursor.col or 0) + #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { cursor.row + #lines, col })
  if vim.fn.foldclosed('.') ~= -1 then
    vim.cmd.foldopen({ bang = true }) -- as it is where the same lines are typed
  end
  self:moved()
end

return Session
