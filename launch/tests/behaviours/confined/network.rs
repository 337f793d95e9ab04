//! What a child reaches by sockets.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use childproof_launch::{Network, Tier};

use super::{Run, TIERS, as_each_user, directory, profile};
use crate::support::{block_on, name};

/// Functions for a script: what comes of connecting and of making a socket.
const TRY: &str = "
import errno, os, socket
def tried(way):
    try: return way() or 'done'
    except OSError as error: return errno.errorcode[error.errno]
def connect(port, address='127.0.0.1'):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family) as tcp:
        tcp.connect((address, port))
        return tcp.recv(10).decode()
def make(*kind): socket.socket(*kind).close()
def listen():
    with socket.socket() as tcp: tcp.listen()
def bind():
    with socket.socket() as tcp: tcp.bind(('127.0.0.1', 0))
def pair():
    one, two = socket.socketpair()
    one.send(b'pair')
    return two.recv(10).decode()
";

/// A listener of the host that greets who connects, for as long as the process lives.
fn listener() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.and_then(|mut connection| connection.write_all(b"hello"));
        }
    });
    port
}

#[test]
fn the_hosts_loopback_is_out_of_reach_unless_it_is_given() {
    as_each_user(name!(the_hosts_loopback_is_out_of_reach_unless_it_is_given), || {
        let (port, other) = (listener(), listener());
        block_on(async {
            let connect = format!("{TRY}\nprint(tried(lambda: connect({port})), tried(lambda: connect({other})))");
            for (tier, network, expected) in [
                (Tier::Full, Network::None, "ECONNREFUSED ECONNREFUSED"),
                (Tier::Reduced, Network::None, "EPERM EPERM"),
                (Tier::Full, Network::Host, "hello hello"),
                (Tier::Reduced, Network::Host, "hello hello"),
                (Tier::Full, Network::Connect(vec![port]), "hello EACCES"),
                (Tier::Reduced, Network::Connect(vec![port]), "hello EACCES"),
                (Tier::Full, Network::Connect(vec![]), "EACCES EACCES"),
            ] {
                let profile = profile(tier, |confinement| confinement.network = network.clone());
                let said = Run::python(&profile, &connect).text().await;
                assert_eq!(said.trim(), expected, "{tier} {network:?}");
            }
        });
    });
}

#[test]
fn with_ports_to_connect_to_there_is_nothing_else() {
    as_each_user(name!(with_ports_to_connect_to_there_is_nothing_else), || {
        block_on(async {
            let script = format!(
                "{TRY}
print(tried(lambda: make(socket.AF_INET, socket.SOCK_DGRAM)), tried(lambda: make(socket.AF_INET6, socket.SOCK_DGRAM)))
print(tried(listen), tried(bind), tried(lambda: make(socket.AF_INET, socket.SOCK_STREAM, 262)))"
            );
            for tier in TIERS {
                let held = profile(tier, |confinement| confinement.network = Network::Connect(vec![1]));
                assert_eq!(
                    Run::python(&held, &script).text().await,
                    "EPERM EPERM\nEPERM EACCES EPERM\n",
                    "{tier}"
                );
                let free = profile(tier, |confinement| confinement.network = Network::Host);
                let said = Run::python(&free, &script).text().await;
                assert!(
                    said.starts_with("done") && said.contains("\ndone done EPERM"),
                    "{tier}: {said}"
                );
            }
        });
    });
}

#[test]
fn the_processes_of_a_child_reach_each_other_by_their_own_loopback() {
    as_each_user(
        name!(the_processes_of_a_child_reach_each_other_by_their_own_loopback),
        || {
            block_on(async {
                let profile = profile(Tier::Full, |_| {});
                let script = "
import os, socket
for address in ('127.0.0.1', '::1') if socket.has_ipv6 and os.path.exists('/proc/net/if_inet6') else ('127.0.0.1',):
    listener = socket.create_server((address, 0), family=socket.AF_INET6 if ':' in address else socket.AF_INET)
    if os.fork() == 0:
        with socket.create_connection((address, listener.getsockname()[1])) as tcp: tcp.send(b'through tcp')
        os._exit(0)
    print(listener.accept()[0].recv(100).decode())
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(('127.0.0.1', 0))
if os.fork() == 0:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'through udp', receiver.getsockname())
    os._exit(0)
print(receiver.recv(100).decode())";
                let said = Run::python(&profile, script).text().await;
                assert!(
                    said.starts_with("through tcp\n") && said.ends_with("through udp\n"),
                    "{said}"
                );
                let interfaces = Run::shell(&profile, "cut -d: -sf1 /proc/net/dev").text().await;
                assert_eq!(
                    interfaces
                        .split_whitespace()
                        .filter(|name| !is_tunnel(name))
                        .collect::<Vec<_>>(),
                    ["lo"]
                );
            });
        },
    );
}

/// An interface that the kernel makes in each network namespace, where such modules are loaded. It is down.
fn is_tunnel(name: &str) -> bool {
    name.ends_with('0')
        && [
            "tunl", "gre", "gretap", "erspan", "ip_vti", "ip6_vti", "sit", "ip6tnl", "ip6gre",
        ]
        .iter()
        .any(|kind| name.starts_with(kind))
}

#[test]
fn unix_sockets_are_refused_unless_they_are_given_and_pairs_are_not() {
    as_each_user(
        name!(unix_sockets_are_refused_unless_they_are_given_and_pairs_are_not),
        || {
            block_on(async {
                let host = tempfile::tempdir().unwrap();
                let path = host.path().to_str().unwrap();
                let script = format!(
                    "{TRY}
def unix():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('{path}/socket')
    listener.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect('{path}/socket')
    client.send(b'unix')
    return listener.accept()[0].recv(10).decode()
print(tried(pair), tried(unix))"
                );
                for tier in TIERS {
                    for (allowed, expected) in [(false, "pair EPERM\n"), (true, "pair unix\n")] {
                        let profile = profile(tier, |confinement| {
                            confinement.unix_sockets = allowed;
                            confinement.directories = vec![directory(host.path(), path, true)];
                        });
                        assert_eq!(Run::python(&profile, &script).text().await, expected, "{tier}");
                    }
                    std::fs::remove_file(host.path().join("socket")).unwrap();
                }
            });
        },
    );
}

#[test]
fn a_socket_in_a_directory_is_reached_and_an_abstract_one_of_the_host_is_not() {
    as_each_user(
        name!(a_socket_in_a_directory_is_reached_and_an_abstract_one_of_the_host_is_not),
        || {
            let host = tempfile::tempdir().unwrap();
            let path = host.path().join("socket");
            let name = format!("childproof-test-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            for listener in [
                UnixListener::bind(&path).unwrap(),
                UnixListener::bind_addr(&address).unwrap(),
            ] {
                std::thread::spawn(move || {
                    for connection in listener.incoming() {
                        let _ = connection.and_then(|mut connection| connection.write_all(b"hello"));
                    }
                });
            }
            let mut greeting = [0; 5];
            std::os::unix::net::UnixStream::connect_addr(&address)
                .unwrap()
                .read_exact(&mut greeting)
                .unwrap();
            block_on(async {
                let script = format!(
                    "{TRY}
def unix(address):
    client = socket.socket(socket.AF_UNIX)
    client.connect(address)
    return client.recv(10).decode()
print(tried(lambda: unix('{}')), tried(lambda: unix('\\0{name}')))",
                    path.display()
                );
                for tier in TIERS {
                    for network in [Network::None, Network::Host] {
                        let profile = profile(tier, |confinement| {
                            confinement.unix_sockets = true;
                            confinement.network = network.clone();
                            confinement.directories = vec![directory(host.path(), host.path(), true)];
                        });
                        let said = Run::python(&profile, &script).text().await;
                        // In a network namespace of its own there is no such name.
                        let own = tier == Tier::Full && network == Network::None;
                        let refused = if own { "ECONNREFUSED" } else { "EPERM" };
                        assert_eq!(said, format!("hello {refused}\n"), "{tier} {network:?}");
                    }
                }
            });
        },
    );
}
