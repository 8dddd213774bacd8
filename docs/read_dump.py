"""Prints the entries of a dump, or of its parts: pip install cbor2 zstandard; python read_dump.py DUMP..."""
import io, sys
import cbor2, zstandard

def items(name):
    data = open(name, "rb")
    if data.peek(1)[:1] == b"\x28":  # zstd frames
        data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    data = io.BufferedReader(data)
    while data.peek(1):
        yield cbor2.load(data)

def entries(names):
    kind = None
    for item in (item for name in names for item in items(name)):
        kind, *fields = getattr(item, "value", item)  # the header has a tag
        if kind == 1:
            yield fields[:3]
        elif kind == 2:
            key, facts, chunks = *fields[:2], []
        elif kind == 3:
            chunks.append(fields[0])
        elif kind == 4:
            yield key, facts, b"".join(chunks)
    if kind != 6:
        sys.exit("the dump has no trailer: it is not whole")

for key, facts, value in entries(sys.argv[1:]):
    print(repr(key), len(value), "bytes", facts)
