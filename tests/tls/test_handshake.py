"""The handshake: who is told what, what is checked, and what the program's context may ask for."""

import asyncio
import ssl

import pytest

from .conftest import Recorder, until_connected


def test_both_protocols_are_told_of_the_connection_once(play):
    async def main(stage):
        client, server = await stage.both()
        assert client.names == ["connection_made"]
        assert server.names == ["connection_made"]
        assert isinstance(client.transport, asyncio.Transport)

    play(main)


@pytest.mark.loop_kinds("ferraio", "installed")
def test_the_engine_is_the_one_that_was_asked_for(play, engine):
    async def main(stage):
        client, server = await stage.both()
        drives_openssl = [protocol.transport._ssl_protocol._drives_openssl for protocol in (client, server)]
        assert drives_openssl == [engine == "openssl"] * 2

    play(main)


def test_a_certificate_of_an_unknown_authority_is_refused(play):
    async def main(stage):
        address, protocols = await stage.serve()
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
            await stage.connect(address, ssl=stranger)
        # The server goes on.
        client = await stage.connect(address)
        await until_connected(protocols[-1:])
        assert client.names == ["connection_made"]

    play(main)


def test_a_certificate_for_another_name_is_refused(play):
    async def main(stage):
        address, _ = await stage.serve()
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await stage.connect(address, server_hostname="elsewhere.example")

    play(main)


def test_the_server_sees_the_client_s_certificate(play, authority):
    async def main(stage):
        stage.server_context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(stage.server_context)
        authority.issue_cert("client.example").configure_cert(stage.client_context)
        _, server = await stage.both()
        assert ("DNS", "client.example") in server.transport.get_extra_info("peercert")["subjectAltName"]

    play(main)


def test_a_client_without_the_certificate_that_is_required_is_refused(play, authority):
    async def main(stage):
        stage.loop.set_exception_handler(lambda loop, context: None)
        stage.server_context.verify_mode = ssl.CERT_REQUIRED
        stage.server_context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 tells the client only after its handshake
        authority.configure_trust(stage.server_context)
        address, protocols = await stage.serve()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await stage.connect(address)
        assert protocols[0].calls == []

    play(main)


def test_the_application_protocol_is_agreed_on(play):
    async def main(stage):
        stage.server_context.set_alpn_protocols(["h2", "http/1.1"])
        stage.client_context.set_alpn_protocols(["http/1.1"])
        ends = await stage.both()
        for end in ends:
            assert end.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"

    play(main)


def test_the_server_is_asked_about_the_name_and_may_change_its_context(play, certificate):
    async def main(stage):
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(other)
        other.set_alpn_protocols(["chosen"])
        stage.client_context.set_alpn_protocols(["chosen"])
        asked = []

        def choose(ssl_object, name, context):
            asked.append((type(ssl_object), name))
            ssl_object.context = other

        stage.server_context.sni_callback = choose
        client, server = await stage.both()
        assert asked == [(ssl.SSLObject, "localhost")]
        assert server.transport.get_extra_info("ssl_object").context is other
        client.transport.write(b"hello")
        assert await server.received(5) == b"hello"

    play(main)


def test_a_session_is_used_again(play, certificate):
    class Remembering(ssl.SSLContext):
        session = None

        def wrap_bio(self, *args, **options):
            return super().wrap_bio(*args, **options, session=self.session)

    async def main(stage):
        context = Remembering(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stage.client_context = context
        address, _ = await stage.serve()
        first = (await stage.connect(address)).transport.get_extra_info("ssl_object")
        context.session = first.session
        second = (await stage.connect(address)).transport.get_extra_info("ssl_object")
        assert (first.session_reused, second.session_reused) == (False, True)

    play(main)


def test_data_that_comes_with_the_end_of_the_handshake_is_delivered(play):
    async def main(stage):
        accepting, peer = await stage.accepting()
        await peer.handshake(flush=False)
        await peer.send(peer.outgoing.read() + peer.encrypt(b"at once"))
        transport, protocol = await accepting
        stage.abort_at_end(transport)
        assert await protocol.received(7) == b"at once"
        assert protocol.names == ["connection_made", "data_received"]

    play(main)


def test_what_is_written_in_connection_made_arrives(play):
    class Eager(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"first ")
            transport.writelines([b"second ", b"third"])

    async def main(stage):
        client, server = await stage.both(client=Eager, server=Eager)
        for end in (client, server):
            assert await end.received(18) == b"first second third"

    play(main)


def test_a_peer_that_never_answers_ends_the_handshake_by_its_timeout(play):
    async def main(stage):
        accepting, peer = await stage.accepting(ssl_handshake_timeout=0.01)
        with pytest.raises(ConnectionAbortedError, match=r"SSL handshake is taking longer than 0\.01 seconds"):
            await accepting
        assert not await peer.receive()

    play(main)


def test_a_peer_that_hangs_up_in_the_handshake_is_a_reset(play):
    async def main(stage):
        accepting, peer = await stage.accepting()
        peer.sock.close()
        with pytest.raises(ConnectionResetError):
            await accepting

    play(main)


def test_whoever_stops_waiting_for_the_handshake_closes_the_connection(play):
    async def main(stage):
        accepting, peer = await stage.accepting()
        await asyncio.sleep(0)
        accepting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await accepting
        assert not await peer.receive()

    play(main)


def test_secrets_are_logged_to_the_file_of_the_context(play, tmp_path):
    async def main(stage):
        stage.client_context.keylog_filename = str(tmp_path / "keys")
        client, server = await stage.both()
        client.transport.write(b"secret")
        assert await server.received(6) == b"secret"
        assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()

    play(main)


def test_a_callback_for_messages_sees_those_after_the_handshake(play):
    async def main(stage):
        seen = []
        stage.client_context._msg_callback = lambda connection, way, *message: seen.append(way)
        client, server = await stage.both()
        before = len(seen)
        client.transport.write(b"look")
        assert await server.received(4) == b"look"
        assert seen[before:].count("write") >= 1

    play(main)


def test_timeouts_must_be_positive(play):
    async def main(stage):
        address, _ = await stage.serve()
        for name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=f"{name} should be a positive number, got 0"):
                await stage.connect(address, **{name: 0})

    play(main)
