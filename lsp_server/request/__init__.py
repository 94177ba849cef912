"""What is asked of the model: the instruction, where its code goes, how it must begin, what the model sees."""
