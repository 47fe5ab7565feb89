"""An Oxen on loopback: the inference API of hub.oxen.ai for one video model, in a process of its own.

Started with `python -m sandbox.oxen`; see `__main__`. It answers in Oxen's documented bodies, fetches every reference
for real, renders a real MP4 out of them, and can be made to fail through `/control` (`operator.OxenOperator`).

Flags in the docstrings say where a behaviour comes from: [D] documented by Oxen, [C] seen in client code,
[I] inferred, [U] documented upstream (ByteDance, fal), [S] this simulator's own choice where nobody says anything.
State is in memory; results are files below `--data`.
"""
