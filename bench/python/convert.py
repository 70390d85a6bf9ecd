"""One scheme of the Python tools: python convert.py SCHEME SOURCE TARGET [CALIBRATION.npz]"""

import sys

scheme, source, target = sys.argv[1:4]

if scheme == "dynamic":
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8)
elif scheme in ("4-bit", "8-bit"):
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    config = DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=True, bits=4 if scheme == "4-bit" else 8)
    quantizer = MatMulNBitsQuantizer(source, algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(target, False)
elif scheme == "static":
    import numpy
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self, path):
            arrays = numpy.load(path)
            count = min(len(arrays[name]) for name in arrays.files)
            self.feeds = iter({name: arrays[name][i] for name in arrays.files} for i in range(count))

        def get_next(self):
            return next(self.feeds, None)

    quantize_static(
        source,
        target,
        Reader(sys.argv[4]),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
    )
elif scheme == "float16":
    import onnx
    from onnxconverter_common.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)
else:
    raise SystemExit(f"unknown scheme {scheme}")
