"""A runtime for MLServer: twice what came, and in a stream number by number."""

from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Twice(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        numbers = list(payload.inputs[0].data)
        if any(number < 0 for number in numbers):
            raise InferenceError("negative numbers are not doubled")
        return self._answer(payload.id, [2 * number for number in numbers])

    async def predict_stream(self, payloads):
        async for payload in payloads:
            for number in payload.inputs[0].data:
                yield self._answer(payload.id, [2 * number])

    def _answer(self, request_id: str | None, numbers: list[int]) -> InferenceResponse:
        output = ResponseOutput(name="y", shape=[len(numbers)], datatype="INT64", data=numbers)
        return InferenceResponse(
            id=request_id, model_name=self.name, model_version=self.version, outputs=[output]
        )
