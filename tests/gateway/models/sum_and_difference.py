"""Two inputs, two outputs."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse(self._answer(request)) for request in requests]

    def _answer(self, request):
        left, right = (tensor.as_numpy() for tensor in sorted(request.inputs(), key=_name))
        answers = {"SUM": left + right, "DIFFERENCE": left - right}
        wanted = request.requested_output_names()
        return [pb_utils.Tensor(name, answers[name]) for name in wanted]


def _name(tensor):
    return tensor.name()
