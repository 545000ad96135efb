"""Rules that count the work of each kind of Keras layer in inference.

Conventions of all rules: one multiply-add is one MAC; products with padded zeros are
computed and hence counted; a bias is one FLOP per output element; an elementwise
operation, however complex, is one FLOP per output element, except softmax (five);
moving or copying data is free; layers that act only in training are free.
`autoai4eo.cost` imports the modules of this package, which registers their rules.
"""
