"""Sends a message that is refused and one that is stored, and lists it, with both generated Python clients."""

import sys

import kefu_client
import kefu_second
from kefu_second.api.member_message import member_list, member_send
from kefu_second.models import ContentType, MemberSend


def first(url: str, token: str) -> None:
    configuration = kefu_client.Configuration(host=url, access_token=token)
    with kefu_client.ApiClient(configuration) as client:
        api = kefu_client.MemberMessageApi(client)

        def send(content: str) -> kefu_client.EnvelopeMessageId:
            return api.member_send(kefu_client.MemberSend(contentType=1, content=content))

        refused, stored = send("null"), send('{"text":"python"}')
        assert (refused.code, refused.data) == (400, None), refused
        assert stored.code == 0 and stored.data, stored
        listed = api.member_list(limit=1)
        assert listed.data and listed.data[0].id == stored.data, listed


def second(url: str, token: str) -> None:
    client = kefu_second.AuthenticatedClient(base_url=url, token=token)

    def send(content: str):
        body = MemberSend(content_type=ContentType.TEXT, content=content)
        return member_send.sync(client=client, body=body)

    refused, stored = send("null"), send('{"text":"second"}')
    assert (refused.code, refused.data) == (400, None), refused
    assert stored.code == 0 and stored.data, stored
    assert member_list.sync(client=client, limit=1).data[0].id == stored.data


first(*sys.argv[1:])
second(*sys.argv[1:])
