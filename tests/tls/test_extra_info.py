"""What `get_extra_info` knows of a connection with TLS."""

import ssl

import pytest

ASKED = ("ssl_object", "sslcontext", "peercert", "cipher", "compression", "socket", "sockname", "peername")


def test_the_ssl_object_is_python_s_own(play):
    async def main(stage):
        client, server = await stage.both()
        for end, context, is_server in ((client, stage.client_context, False), (server, stage.server_context, True)):
            ssl_object = end.transport.get_extra_info("ssl_object")
            assert isinstance(ssl_object, ssl.SSLObject)
            assert ssl_object.context is context
            assert ssl_object.server_side is is_server
            assert end.transport.get_extra_info("sslcontext") is context
        assert client.transport.get_extra_info("ssl_object").server_hostname == "localhost"

    play(main)


def test_certificate_and_cipher_are_those_of_the_ssl_object(play):
    async def main(stage):
        client, server = await stage.both()
        info, ssl_object = client.transport.get_extra_info, client.transport.get_extra_info("ssl_object")
        assert info("peercert") == ssl_object.getpeercert()
        assert ("DNS", "localhost") in info("peercert")["subjectAltName"]
        assert info("cipher") == ssl_object.cipher()
        assert info("compression") is None
        assert server.transport.get_extra_info("peercert") is None
        der = ssl_object.getpeercert(binary_form=True)
        assert ssl.DER_cert_to_PEM_cert(der).startswith("-----BEGIN CERTIFICATE-----")

    play(main)


def test_names_and_socket_are_those_of_the_transport_below(play):
    async def main(stage):
        client, server = await stage.both()
        names = [
            (end.transport.get_extra_info("sockname"), end.transport.get_extra_info("peername"))
            for end in (client, server)
        ]
        assert names[0] == names[1][::-1]
        assert client.transport.get_extra_info("socket").getsockname() == names[0][0]

    play(main)


def test_what_nobody_knows_is_the_default(play):
    async def main(stage):
        client, _ = await stage.both()
        assert client.transport.get_extra_info("nothing") is None
        assert client.transport.get_extra_info("nothing", "else") == "else"

    play(main)


@pytest.mark.parametrize("name", ["ssl_object", "peercert", "cipher"])
def test_it_is_still_known_after_the_end(play, name):
    async def main(stage):
        client, _ = await stage.both()
        before = client.transport.get_extra_info(name)
        client.transport.abort()
        await client.lost
        assert client.transport.get_extra_info(name) == before is not None
        assert client.transport.get_extra_info("peername") is None

    play(main)
