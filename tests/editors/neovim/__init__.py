"""The Neovim plugin in a real Neovim, as a user at the keyboard has it."""
