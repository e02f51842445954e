"""Answers every input that came as the output at the same place."""

import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        pairs = zip(config["input"], config["output"], strict=True)
        self.outputs = {given["name"]: answered["name"] for given, answered in pairs}
        self.texts = {x["name"] for x in config["input"] if x["data_type"] == "TYPE_STRING"}

    def execute(self, requests):
        return [pb_utils.InferenceResponse(self._same(request)) for request in requests]

    def _same(self, request):
        wanted = request.requested_output_names()
        return [
            self._copy(tensor, self.outputs[tensor.name()])
            for tensor in request.inputs()
            if self.outputs[tensor.name()] in wanted
        ]

    def _copy(self, tensor, name):
        if tensor.name() in self.texts:
            return pb_utils.Tensor(name, tensor.as_numpy())
        # numpy has no BF16.
        return pb_utils.Tensor.from_dlpack(name, tensor.to_dlpack())
