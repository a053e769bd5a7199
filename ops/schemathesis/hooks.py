"""What schemathesis cannot know: ids that exist, and that they are one tenant's alone."""

import json
import os
import random

import schemathesis

OWNERS = json.loads(os.environ["POSTFLEET_OWNERS"])
IS_STRANGER = os.environ.get("POSTFLEET_STRANGER") == "1"
NOUNS = {"messages": "message", "senders": "sender", "contents": "content", "keys": "spare_key",
         "suppressions": "suppressed", "tenants": "tenant"}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Three times in four, a path names something that is there."""
    if not path_parameters or random.random() < 0.25:
        return path_parameters
    parts = context.operation.path.split("/")
    if "id" in path_parameters and parts[2] in NOUNS:
        path_parameters["id"] = OWNERS[NOUNS[parts[2]]]
    if "key" in path_parameters:
        path_parameters["scope"], path_parameters["key"] = "sender", OWNERS["sender"]
    return path_parameters


@schemathesis.check
def nothing_is_a_strangers(context, response, case):
    if not IS_STRANGER:
        return
    asked = str(case.path_parameters or {}) + str(case.body)
    # An address is no secret: what is suppressed for one tenant is another matter for the next.
    own = {name: value for name, value in OWNERS.items() if name != "suppressed"}
    named = [name for name, value in own.items() if value in str(case.path_parameters or {})]
    if named and response.status_code < 300:
        raise AssertionError(f"a stranger got {response.status_code} for another tenant's {named}")
    told = [name for name, value in own.items() if value in response.text and value not in asked]
    if told:
        raise AssertionError(f"a stranger was told another tenant's {told}")
