"""What pydantic found wrong with a value, in sentences: the value, the limit, what to do."""

from typing import Any

from pydantic_core import ErrorDetails

from gateway.shown import shown

# By pydantic's type of error; what each can name is in the error's own context.
_SENTENCES = {
    "missing": "it is missing; give it",
    "json_invalid": "it is not JSON ({error}); send a JSON object",
    "extra_forbidden": "there is no such member; leave it out, or see /docs for its name",
    "model_attributes_type": "{value} is not a JSON object",
    "int_type": "{value} is not a whole number; write one as 8",
    "int_parsing": "{value} is not a whole number; write one as 8",
    "int_parsing_size": "{value} has too many digits",
    "int_from_float": "{value} is not a whole number; write one as 8",
    "float_type": "{value} is not a number; write one as 0.5",
    "float_parsing": "{value} is not a number; write one as 0.5",
    "greater_than": "{value} is not over {gt}; give more",
    "greater_than_equal": "{value} is below {ge}, the least that it can be",
    "less_than": "{value} is not below {lt}; give less",
    "less_than_equal": "{value} is over {le}, the most that it can be",
    "string_type": "{value} is not a text",
    "string_too_short": "{value} is shorter than {min_length} characters, the least",
    "string_too_long": "{value} is longer than {max_length} characters, the most",
    "list_type": "{value} is not a list",
    "too_short": "it has {actual_length} of at least {min_length} values",
    "too_long": "it has {actual_length} of at most {max_length} values",
    "bool_type": "{value} is neither true nor false",
    "enum": "{value} is not one of {expected}",
    "literal_error": "{value} is not one of {expected}",
    "datetime_type": "{value} is not a time; write one as 2027-01-31T12:00:00Z",
    "datetime_parsing": "{value} is not a time; write one as 2027-01-31T12:00:00Z",
    "datetime_from_date_parsing": "{value} is not a time; write one as 2027-01-31T12:00:00Z",
    "timezone_aware": "{value} has no timezone; add one, as in 2027-01-31T12:00:00Z",
    # Of our own checks, whose sentences name the value.
    "value_error": "{error}",
}


def sentence(fault: ErrorDetails | dict[str, Any]) -> str:
    """`"0 is below 1, the least that it can be"`; where it is, the caller says."""
    value = shown(fault.get("input"))
    known = _SENTENCES.get(str(fault["type"]))
    if known is None:
        return f"{fault['msg']}, not {value}"
    return known.format(value=value, **fault.get("ctx", {}))
