"""A sum for each sequence: state between requests that belong together."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.sums = {}

    def execute(self, requests):
        return [pb_utils.InferenceResponse([self._add(request)]) for request in requests]

    def _add(self, request):
        def first(name):
            return pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0]

        value = pb_utils.get_input_tensor_by_name(request, "VALUE").as_numpy()
        sequence = first("CORRELATION")
        total = value if first("START") else self.sums[sequence] + value
        self.sums[sequence] = total
        if first("END"):
            del self.sums[sequence]
        return pb_utils.Tensor("TOTAL", total)
