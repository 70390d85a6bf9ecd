"""Runs models in Python's onnxruntime, as bench/platforms.mjs asks it to: python run.py JOBS

A line of JOBS: model, inputs, outputs, and KEY=VALUE or nothing for the session. exchange.mjs tells what inputs and outputs are.
"""

import sys

import numpy
import onnxruntime

TYPES = {
    "float32": "<f4",
    "float64": "<f8",
    "int8": "i1",
    "uint8": "u1",
    "bool": "?",
    "int32": "<i4",
    "int64": "<i8",
}


def read(stem):
    data = open(f"{stem}.bin", "rb").read()
    runs = {}
    for line in open(f"{stem}.tsv", encoding="utf-8"):
        run, name, kind, dims, offset, size = line.rstrip("\n").split("\t")
        shape = [int(dim) for dim in dims.split(",") if dim]
        array = numpy.frombuffer(data[int(offset) : int(offset) + int(size)], TYPES[kind]).reshape(shape)
        runs.setdefault(int(run), {})[name] = array
    return runs


def write(stem, runs):
    offset = 0
    with open(f"{stem}.bin", "wb") as data, open(f"{stem}.tsv", "w", encoding="utf-8", newline="\n") as table:
        for run, tensors in runs.items():
            for name, array in tensors.items():
                little = array.astype(TYPES[array.dtype.name]).tobytes()
                dims = ",".join(map(str, array.shape))
                table.write(f"{run}\t{name}\t{array.dtype.name}\t{dims}\t{offset}\t{len(little)}\n")
                data.write(little)
                offset += len(little)


onnxruntime.set_default_logger_severity(4)
print("version", onnxruntime.__version__, sep="\t", flush=True)
for index, line in enumerate(open(sys.argv[1], encoding="utf-8")):
    model, inputs, outputs, entry = line.rstrip("\n").split("\t")
    try:
        options = onnxruntime.SessionOptions()
        if entry:
            options.add_session_config_entry(*entry.split("="))
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        write(outputs, {run: dict(zip(names, session.run(names, feeds))) for run, feeds in read(inputs).items()})
        print(index, "ok", sep="\t", flush=True)
    except Exception as error:
        print(index, "failed", " ".join(str(error).split()), sep="\t", flush=True)
