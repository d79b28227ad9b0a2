"""STS and IAM for the tests: moto on loopback, as itself, over TLS, and behind a proxy.

usage: server.py FOLDER

Writes FOLDER/ca.pem, then one line of JSON on standard output: the ports `http` (the service), `https` (the same over
TLS, with a certificate of that CA for AWS's own host names) and `proxy` (CONNECT to any host leads to `https`). Ends when standard
input ends.

moto checks signatures as AWS does, but differs in two things that matter here and are put right:
it takes a key that is inactive, and its errors have one element more than those of STS.
"""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.core import exceptions
from moto.iam import access_control
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

HOSTS = [
    "sts.us-east-1.amazonaws.com",
    "sts.us-gov-west-1.amazonaws.com",
    "sts.cn-north-1.amazonaws.com.cn",
    "localhost",
]


def refuse_inactive_keys():
    make = access_control.IAMUserAccessKey.__init__

    def checked(self, *args, **kwargs):
        make(self, *args, **kwargs)
        of_users = (key for user in self.backend.list_users("/", None, None) for key in user.access_keys)
        if any(key.access_key_id == self._access_key_id and key.status != "Active" for key in of_users):
            raise access_control.CreateAccessKeyFailure(reason="InvalidId")

    access_control.IAMUserAccessKey.__init__ = checked


def shape_errors_like_sts():
    make = exceptions._RESTError.__init__

    def shaped(self, *args, **kwargs):
        make(self, *args, **kwargs)
        self.description = self.description.replace("<Errors>", "").replace("</Errors>", "")

    exceptions._RESTError.__init__ = shaped


def certificate(folder):
    """A CA in FOLDER/ca.pem, and a certificate of it with its key: the path of both."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def signed(name, key, issuer, issuer_key, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, hashes.SHA256())

    def named(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = signed(named("keyhound test CA"), ca_key, named("keyhound test CA"), ca_key,
                (x509.BasicConstraints(ca=True, path_length=0), True))
    hosts = [x509.DNSName(host) for host in HOSTS] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    own = signed(named("keyhound test"), key, ca.subject, ca_key,
                 (x509.SubjectAlternativeName(hosts), False),
                 (x509.BasicConstraints(ca=False, path_length=None), True))
    with open(os.path.join(folder, "ca.pem"), "wb") as file:
        file.write(ca.public_bytes(serialization.Encoding.PEM))
    path = os.path.join(folder, "server.pem")
    with open(path, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))
        file.write(own.public_bytes(serialization.Encoding.PEM))
    return path


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def proxy(target):
    """A proxy whose every CONNECT leads to the port `target`; its port. It writes what it was asked for to standard error."""
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            try:
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def serve(client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return
            head += data
        print(head.split(b"\r\n")[0].decode(), file=sys.stderr, flush=True)
        service = socket.create_connection(("127.0.0.1", target))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(client, service), daemon=True).start()
        pump(service, client)

    def accept():
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def main():
    folder = sys.argv[1]
    refuse_inactive_keys()
    shape_errors_like_sts()
    app = DomainDispatcherApplication(create_backend_app)
    plain = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    secure = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=context)
    for server in (plain, secure):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {"http": plain.server_port, "https": secure.server_port, "proxy": proxy(secure.server_port)}
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


main()
