"""Tables as people have them: read, recognised, checked row by row, and converted to the units of the laws.

A file becomes a data frame (:func:`read.read_table`), its columns get their parts (:mod:`recognise`), every cell that
plays a part is read and judged (:mod:`screen`), and what is left becomes a :class:`progressfit.Dataset`. Whatever was
recognised, converted or doubted is said in a sentence.
"""
