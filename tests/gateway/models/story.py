"""Decoupled: as many answers as asked for; after `fail_after` of them it fails.

It ends when its client is gone.
"""

import time

import numpy
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            self._tell(request)

    def _tell(self, request):
        given = {tensor.name(): tensor.as_numpy().reshape(-1)[0] for tensor in request.inputs()}
        sender = request.get_response_sender()
        for number in range(given.get("count", 3)):
            if sender.is_cancelled():
                break
            if number == given.get("fail_after", -1):
                error = pb_utils.TritonError(f"the story ends after {number}")
                sender.send(pb_utils.InferenceResponse(error=error))
                break
            time.sleep(given.get("delay_ms", 0) / 1000)
            text = numpy.array([given["text_input"] + b" %d" % number], dtype=object)
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("text_output", text)]))
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
