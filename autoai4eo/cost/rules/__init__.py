"""What each kind of Keras layer computes in inference.

Conventions that hold throughout: one multiply-add is one MAC; products with padded
zeros are computed and hence counted; a bias is one FLOP per output element; an
elementwise operation, however hard, is one FLOP per output element, except softmax
(five); moving or copying data is free; what only acts in training is free.
`autoai4eo.cost` imports the modules here, which registers their rules.
"""
