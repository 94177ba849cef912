"""The VS Code extension in a real workbench, as a user at the keyboard has it."""
