"""Answers the parameters of its request: with them, the header fields that Triton saw."""

import numpy
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([self._told(request)]) for request in requests]

    def _told(self, request):
        return pb_utils.Tensor("PARAMETERS", numpy.array([request.parameters()], dtype=object))
