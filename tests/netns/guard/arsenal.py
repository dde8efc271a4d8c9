# SPDX-License-Identifier: Apache-2.0
"""What the attacker sends, by why it must not get through; "legitimate" is what must. Hexadecimal, as JSON."""
import json
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Dot1Q, Ether, GRE
from scapy.packet import Raw
B, S, R, V, C = '10.0.0.2', '10.0.0.9', '10.0.0.3', '192.0.2.1', '198.51.100.7'
B6, S6, R6, V6, C6 = 'fd00::2', 'fd00::9', 'fd00::3', '2001:db8::1', '2001:db8:c::7'

def v4(src=C, dst=V): return IP(src=src, dst=dst) / UDP(sport=1, dport=7777) / Raw(b'x' * 64)
def v6(src=C6, dst=V6): return IPv6(src=src, dst=dst) / UDP(sport=1, dport=7777) / Raw(b'x' * 64)
def udp(port, header): return UDP(sport=49152, dport=port) / Raw(header)
def gue(protocol, flags=0): return udp(5080, bytes([flags, protocol, 0, 0]))
def geneve(vni=666, flags=0, protocol=0x6558):
    return udp(6081, bytes([0, flags]) + protocol.to_bytes(2, 'big') + (vni << 8).to_bytes(4, 'big'))
MAC = Ether(dst='02:43:55:4c:56:54')  # of the backend's Geneve device

def tunnels(outer, outer6):
    """Every encapsulation with either family inside, from the senders of these outer headers."""
    for ip in outer, outer6:
        yield from (ip/v4(), ip/v6(), ip/GRE()/v4(), ip/GRE()/v6())
        yield from (ip/udp(5004, b'')/v4(), ip/udp(5006, b'')/v6(), ip/udp(5047, b'')/GRE()/v6())
        yield from (ip/gue(4)/v4(), ip/gue(41)/v6(), ip/gue(47)/GRE()/v4(), ip/udp(5080, b'')/v4())
        yield from (ip/geneve()/MAC/v4(), ip/geneve()/MAC/v6())

ids = iter(range(100))

def in_two(packet):
    """IPv6, cut behind the first 64 bytes of its payload."""
    whole, number = bytes(packet.payload), next(ids)
    return [IPv6(src=packet.src, dst=packet.dst) / IPv6ExtHdrFragment(nh=packet.nh, id=number, offset=at // 8, m=more)
            / Raw(part) for at, more, part in ((0, 1, whole[:64]), (64, 0, whole[64:]))]

def behind_options(packet):
    """IPv6 in two fragments, of which the first has the first of two extension headers and nothing else."""
    unknown, padding = bytes([60, 1, 0x1e, 12]) + bytes(12), bytes([packet.nh, 0, 1, 4]) + bytes(4)
    whole, number = unknown + padding + bytes(packet.payload), next(ids)
    return [IPv6(src=packet.src, dst=packet.dst) / IPv6ExtHdrFragment(nh=60, id=number, offset=at // 8, m=more)
            / Raw(part) for at, more, part in ((0, 1, whole[:16]), (16, 0, whole[16:]))]

# A later fragment that looks like the first fragment of a packet to a tunnel's port.
mimic = UDP(sport=1, dport=7777) / Raw(b'x' * 56 + bytes(udp(5080, b'x' * 20))[:8])

TAP, BRIDGE, MACVLAN, VETH = ('02:00:0a:07:00:0%d' % n for n in (1, 2, 3, 4))
def tap(to): return GRE(proto=0x6558) / Ether(dst=to)
def on_tunnels(to, to6):
    return [good/tap(TAP)/Dot1Q(vlan=5)/v4(**to), good/tap(TAP)/Dot1Q(vlan=5)/v6(**to6),
            good/geneve()/MAC/Dot1Q(vlan=7)/v4(**to), good6/geneve()/MAC/Dot1Q(vlan=7)/v6(**to6),
            good6/tap(BRIDGE)/Dot1Q(vlan=6)/v4(**to), good6/tap(BRIDGE)/Dot1Q(vlan=6)/v6(**to6),
            good/tap(MACVLAN)/v4(**to), good/tap(MACVLAN)/v6(**to6),
            good6/tap(VETH)/v4(**to), good6/tap(VETH)/v6(**to6)]

good, good6 = IP(src=B, dst=R), IPv6(src=B6, dst=R6)
bad, bad6 = IP(src=S, dst=R), IPv6(src=S6, dst=R6)
peer, peer6 = IP(src='10.0.0.77', dst=R), IPv6(src='fd00::77', dst=R6)
groups = {
    'legitimate': [*tunnels(good, good6), good6/IPv6ExtHdrDestOpt()/v6(), *fragment(good/v4(), 64),
                   *in_two(good6/v6()), *in_two(good6/GRE()/v4()), *in_two(good6/gue(41)/v6()),
                   *in_two(bad6/mimic)],
    'stranger': [*tunnels(bad, bad6), bad6/IPv6ExtHdrDestOpt()/v6(), *fragment(bad/v4(), 64),
                 IP(src=S, dst='10.0.0.255')/v4(), *in_two(bad6/v6()), in_two(bad6/gue(41)/v6())[0]],
    'no_vip': [good/v4(dst=R), good/v4(dst='127.0.0.1'), good/v4(dst='10.0.5.6'), good/v4(dst='224.0.0.1'),
               good/v4(dst='255.255.255.255'), good/v6(dst=R6), good/v6(dst='ff02::1'), good/v6(dst='::1'),
               good6/v4(dst=R), good/GRE()/v4(dst=R), good6/GRE()/v6(dst=R6), good/udp(5004, b'')/v4(dst=R),
               good6/gue(41)/v6(dst=R6), good/udp(5080, b'')/v4(dst='10.0.5.6'),
               good/geneve()/MAC/v4(dst=R), *fragment(good/v4(dst=R), 64)],
    'bad_source': [good/v4(src=R), good/v4(src=V), good/v4(src='127.0.0.1'), good/v4(src='224.0.0.1'),
                   good/v6(src=R6), good/v6(src=V6), good/v6(src='::1'), good/v6(src='fe80::9'),
                   good6/v6(src=R6), good6/gue(41)/v6(src=R6), good/GRE()/v6(src=V6),
                   good6/geneve()/MAC/v6(src=R6)],
    'nested': [good/IP(src=C, dst=V)/v4(), good/IP(src=B, dst=V)/v4(dst=R), good/IP(src=B, dst=V)/GRE()/v4(),
               good/IPv6(src=B6, dst=V6)/v6(), good6/IPv6(src=B6, dst=V6)/v4(),
               good/IP(src=B, dst=V)/gue(4)/v4(), good6/gue(41)/IPv6(src=B6, dst=V6)/udp(5006, b'')/v6(),
               good/GRE()/IP(src=B, dst=V)/IPv6(src=C6, dst=V6)/v6().payload,
               good/geneve()/MAC/IP(src=B, dst=V)/v4()],
    'bad_header': [good/gue(17)/v4().payload, good/gue(17)/v6().payload, good/gue(4, 0x20)/v4(), good/gue(4, 0x80)/v4(),
                   good/gue(47)/GRE(proto=0x6558)/Ether()/v4(), good/GRE(key_present=1, key=7)/v4(),
                   good/GRE(proto=0x6558)/Ether(dst='02:00:0a:00:00:03')/v4(), good6/gue(17)/v6().payload,
                   good6/GRE(key_present=1, key=7)/v4(), *in_two(good6/GRE(key_present=1, key=7)/v4()),
                   good/udp(5004, b'')/v6(), good/udp(5047, b'')/GRE(proto=0x6558)/Ether()/v4(),
                   good/geneve(vni=667)/MAC/v4(), good6/geneve(flags=0x80)/MAC/v6(),
                   good/geneve(protocol=0x800)/v4(), *behind_options(bad6/gue(17)/v6(src=S6, dst=R6).payload)],
    'wrong_way': [*tunnels(good, good6)],
    # Through a port that somebody else has opened, from any source; the last two inside a packet from a balancer.
    'foreign_port': [*(ip/udp(5555, bytes([0, 4, 0, 0]))/v4(dst=to) for ip in (bad, good) for to in (V, R)),
                     good6/udp(5555, bytes([0, 41, 0, 0]))/v6(dst=R6),
                     good/IP(src=C, dst=V)/udp(5555, bytes([0, 4, 0, 0]))/v4(dst=R),
                     good/IP(src='10.0.0.77', dst=V)/udp(5555, bytes([0, 4, 0, 0]))/v4(dst=R)],
    'peer': [*(ip/IP(src=C, dst=R)/UDP(sport=1, dport=7777) for ip in (peer, peer6)),
             *(ip/IPv6(src=C6, dst=R6)/UDP(sport=1, dport=7777) for ip in (peer, peer6)),
             *(ip/GRE()/v4(dst=R) for ip in (peer, peer6)),
             peer/udp(5555, bytes([0, 4, 0, 0]))/v4(dst=R), peer6/udp(5555, bytes([0, 41, 0, 0]))/v6(dst=R6)],
    # What comes out of devices on tunnels: VLANs of a gretap (5), of Geneve (7) and of a bridge (6), a macvlan, and a
    # veth behind a bridge.
    'on_tunnels': on_tunnels(dict(dst=R), dict(dst=R6)),
    'on_tunnels_legitimate': on_tunnels({}, {}),
    # The same through a GUE port of somebody else, from anybody who writes these addresses.
    'on_tunnels_by_port': [ip/udp(5555, bytes([0, 47, 0, 0]))/GRE(proto=0x6558)/Ether(dst=to)/inner
                           for ip, to, inners in ((good, TAP, (Dot1Q(vlan=5)/v4(), Dot1Q(vlan=5)/v6(dst=R6))),
                                                  (bad6, BRIDGE, (Dot1Q(vlan=6)/v4(dst=R), Dot1Q(vlan=6)/v6())),
                                                  (good, MACVLAN, (v4(), v6())), (bad6, VETH, (v4(), v6())))
                           for inner in inners],
    'on_own_vlan': [good/tap(TAP)/Dot1Q(vlan=5)/v4(src='10.7.5.9', dst='10.7.5.3')],
    # What a program at eth0 that decapsulates GRE and GUE passes; the second also arrives elsewhere.
    'passed_by_xdp': [bad/v4(dst=R), bad/v6(dst=R6), bad6/v6(dst=R6), IP(src=S, dst=V)/GRE()/v4(dst=R),
                      IP(src=S, dst=V)/v4(dst=R), IPv6(src=S6, dst=V6)/v6(dst=R6)],
    'elsewhere': [IP(src='10.0.5.6', dst='10.0.5.3')/v4(dst=R), IP(src='10.0.5.6', dst='10.0.5.3')/GRE()/v4(dst=R)],
    'gue': [good/gue(4)/v4(), good/gue(41)/v6()],
}
print(json.dumps({name: [bytes(packet).hex() for packet in packets] for name, packets in groups.items()}))
