import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Runs models in Java's onnxruntime, as bench/platforms.mjs asks it to: java -cp onnxruntime.jar Run.java JOBS
 *
 * <p>A line of JOBS: model, inputs, outputs, and KEY=VALUE or nothing for the session. exchange.mjs tells what inputs and
 * outputs are.
 */
class Run {
  static final Map<String, OnnxJavaType> TYPES =
      Map.of(
          "float32", OnnxJavaType.FLOAT,
          "float64", OnnxJavaType.DOUBLE,
          "int8", OnnxJavaType.INT8,
          "uint8", OnnxJavaType.UINT8,
          "bool", OnnxJavaType.BOOL,
          "int32", OnnxJavaType.INT32,
          "int64", OnnxJavaType.INT64);

  public static void main(String[] args) throws Exception {
    try (var environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL)) {
      System.out.println("version\t" + environment.getVersion());
      var index = 0;
      for (var job : Files.readAllLines(Path.of(args[0]))) {
        var files = job.split("\t", -1);
        try {
          run(environment, files[0], files[1], files[2], files[3]);
          System.out.println(index + "\tok");
        } catch (Exception error) {
          System.out.println(index + "\tfailed\t" + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
        }
        index++;
      }
    }
  }

  static void run(OrtEnvironment environment, String model, String inputs, String outputs, String entry)
      throws Exception {
    var data = Files.readAllBytes(Path.of(inputs + ".bin"));
    var runs = new LinkedHashMap<String, Map<String, OnnxTensor>>();
    for (var line : Files.readAllLines(Path.of(inputs + ".tsv"))) {
      var fields = line.split("\t", -1);
      long[] dims = Arrays.stream(fields[3].split(",")).filter(dim -> !dim.isEmpty()).mapToLong(Long::parseLong).toArray();
      var size = Integer.parseInt(fields[5]);
      var buffer = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
      buffer.put(data, Integer.parseInt(fields[4]), size).flip();
      runs.computeIfAbsent(fields[0], run -> new HashMap<>())
          .put(fields[1], OnnxTensor.createTensor(environment, buffer, dims, TYPES.get(fields[2])));
    }
    var options = new OrtSession.SessionOptions();
    if (!entry.isEmpty()) {
      options.addConfigEntry(entry.split("=")[0], entry.split("=")[1]);
    }
    try (options;
        var session = environment.createSession(model, options);
        var bin = Files.newOutputStream(Path.of(outputs + ".bin"));
        var tsv = Files.newOutputStream(Path.of(outputs + ".tsv"))) {
      var offset = 0;
      for (var run : runs.entrySet()) {
        try (var results = session.run(run.getValue())) {
          for (var result : results) {
            offset += write((OnnxTensor) result.getValue(), List.of(run.getKey(), result.getKey()), offset, bin, tsv);
          }
        }
        for (var tensor : run.getValue().values()) {
          tensor.close();
        }
      }
    }
  }

  static int write(OnnxTensor tensor, List<String> key, int offset, OutputStream bin, OutputStream tsv)
      throws IOException {
    TensorInfo info = tensor.getInfo();
    var type =
        TYPES.entrySet().stream().filter(entry -> entry.getValue() == info.type).findFirst().orElseThrow().getKey();
    var dims = Arrays.stream(info.getShape()).mapToObj(Long::toString).collect(Collectors.joining(","));
    var buffer = tensor.getByteBuffer();
    var bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    bin.write(bytes);
    tsv.write((String.join("\t", key) + "\t" + type + "\t" + dims + "\t" + offset + "\t" + bytes.length + "\n").getBytes());
    return bytes.length;
  }
}
