"""Detection benchmark: does the text above the cursor ask for code?"""
