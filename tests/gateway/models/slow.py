"""Answers after as many milliseconds as it is told."""

import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([self._wait(request)]) for request in requests]

    def _wait(self, request):
        delay_ms = pb_utils.get_input_tensor_by_name(request, "DELAY_MS").as_numpy()
        time.sleep(float(delay_ms.reshape(-1)[0]) / 1000)
        return pb_utils.Tensor("WAITED_MS", delay_ms)
