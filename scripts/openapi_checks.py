"""What schemathesis cannot know: outcomes are in the envelope's `code`, not in the HTTP status."""

import schemathesis


def envelope_code(response):
    """The `code` of an envelope, or None when the answer is not one."""
    try:
        return response.json().get("code")
    except (ValueError, AttributeError):
        return None


@schemathesis.check
def no_system_fault(ctx, response, case):
    """Bad input gets an error of its own, never the one for unexpected faults."""
    assert envelope_code(response) != 500, "the envelope's code is 500 (unexpected fault)"


@schemathesis.check
def token_is_accepted(ctx, response, case):
    """A run whose token has died would test nothing but the refusal. The auth operations refuse for other reasons, the end
    of a login may be that of its own, and the socket looks only at the token in its query."""
    if "/auth/" not in case.path and "/login/" not in case.path and case.path != "/infra/ws" and "Authorization" in response.request.headers:
        assert envelope_code(response) != 401, "the envelope's code is 401 although a valid token was sent"


@schemathesis.check
class EveryOperationSucceeds:
    """Fails for an operation that was only ever refused, as nothing behind its validation was tested."""

    def __init__(self, refused_by_design=()):
        self.refused_by_design = set(refused_by_design)
        self.tested = set()
        self.succeeded = set()

    def after_response(self, ctx, response, case):
        self.tested.add(case.operation.label)
        if response.status_code == 200 and envelope_code(response) in (None, 0):
            self.succeeded.add(case.operation.label)

    def after_run(self, ctx):
        refused = self.tested - self.succeeded - self.refused_by_design
        assert not refused, "never succeeded: " + ", ".join(sorted(refused))
