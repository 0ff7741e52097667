"""Addresses of attackers, and of honest sites that are easily taken for them. What is inside is written down here anew
and not asked of the code that is tested.
"""

from ipaddress import IPv4Address

INSIDE_V4 = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.254 100.64.0.1 100.100.100.200 100.127.255.254 127.0.0.1 127.1.2.3 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 169.254.169.253 172.16.0.1 172.31.255.254 192.0.0.8 192.0.0.170
192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.254 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.250 240.0.0.1
255.255.255.255
""".split()
INSIDE_V6 = """
:: ::1 ::2 ::7f00:1 fe80::1 febf::1 fec0::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 ff02::1 ff0e::1 100::1
100:0:0:1::1 64:ff9b:1::7f00:1 64:ff9b:1:fffe::a00:1 64:ff9b::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2001:db8:ffff::1 2002::1 3ffe::1 3fff::1 5f00::1 4000::1 8000::1 c000::1 e000::1 1000::1 0:0:0:0:0:ffff:7f00:1
0000:0000:0000:0000:0000:0000:0000:0001 ::ffff:0:0 0:0::1 2620:4f:8000::1 2001:1::1 fd00:a9fe:a9fe::254 fe80::a9fe:a9fe
""".split()
OUTSIDE_V4 = """
9.255.255.255 11.0.0.1 93.184.215.14 100.63.255.254 100.128.0.1 126.255.255.254 128.0.0.1 168.63.129.15 168.63.129.17
169.253.255.254 169.255.0.1 172.15.255.254 172.32.0.1 191.255.255.254 192.0.1.1 192.0.3.1 192.88.98.254 192.167.255.254
192.169.0.1 198.17.255.254 198.20.0.1 198.51.99.254 198.51.101.1 203.0.112.254 203.0.114.1 223.255.255.254 1.1.1.1
""".split()
OUTSIDE_V6 = """
2001:200::1 2001:4860:4860::8888 2003::1 2400:cb00::1 2606:4700:4700::1111 2620:fe::fe 2a00:1450:4001::1 2c0f:f248::1
2001:db7:ffff::1 2001:db9::1 2a02:ffff::5eff:7f00:1
""".split()
PUBLIC = "93.184.215.14"
PLAIN = ("http", "https")
PORTS = (22, 25, 53, 2375, 3306, 5432, 6379, 8000, 8080, 9200, 11211)

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨"
_WIDE = "０１２３４５６７８９"
_BOLD = "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗"


def _digits(text: str, digits: str) -> str:
    return "".join(digits[int(char)] if char.isdigit() else char for char in text)


def spellings(dotted: str) -> list[str]:
    """Return hosts that some parser or other reads as this IPv4 address."""
    number = int(IPv4Address(dotted))
    a, b, c, d = IPv4Address(dotted).packed
    low, mid = number & 0xFFFFFF, number & 0xFFFF
    return [
        dotted,
        f"{dotted}.",
        str(number),
        f"{number}.",
        hex(number),
        hex(number).upper(),
        f"0{number:o}",
        f"00000{number:o}",
        f"{a}.{low}",
        f"{a}.{b}.{mid}",
        f"0x{a:x}.{low}",
        f"0{a:o}.{low}",
        f"0{a:o}.0x{low:x}",
        ".".join(f"0x{part:x}" for part in (a, b, c, d)),
        ".".join(f"0x{part:08X}" for part in (a, b, c, d)),
        ".".join(f"0{part:o}" for part in (a, b, c, d)),
        ".".join(f"{part:0>12o}" for part in (a, b, c, d)),
        f"0x{a:x}.0{b:o}.{c}.{d}",
        # Zeros in front make it octal to a browser: one of another number then is another, public, address.
        *([f"{a:03}.{b:03}.{c:03}.{d:03}"] if all(part < 8 or part > 99 for part in (a, b, c, d)) else []),
        str(number + 2**32),
        f"{a + 256}.{b}.{c}.{d}",
        "".join(f"%{ord(char):02x}" for char in dotted),
        dotted.replace(".", "%2E"),
        dotted.replace(".", "。"),
        dotted.replace(".", "．"),
        dotted.replace(".", "｡"),
        _digits(dotted, _CIRCLED),
        _digits(dotted, _WIDE),
        _digits(dotted, _BOLD),
        _digits(str(number), _WIDE),
        dotted.replace(".", ".\u00ad", 1),
        dotted.replace(".", "\u200b.", 1),
        dotted.replace(".", ".\u2060", 1),
        *(f"[{text}]" for text in carried(dotted)),
    ]


def carried(dotted: str) -> list[str]:
    """Return IPv6 addresses that lead, by some translator, to this IPv4 address."""
    number = int(IPv4Address(dotted))
    high, low = number >> 16, number & 0xFFFF
    turned = number ^ 0xFFFFFFFF
    return [
        f"::ffff:{dotted}",
        f"::ffff:{high:x}:{low:x}",
        f"0:0:0:0:0:FFFF:{high:X}:{low:X}",
        f"::{dotted}",
        f"::ffff:0:{dotted}",
        f"::ffff:0:{high:x}:{low:x}",
        f"64:ff9b::{dotted}",
        f"64:ff9b::{high:x}:{low:x}",
        f"64:ff9b:1::{dotted}",
        f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 255) << 8:x}::",
        f"2002:{high:x}:{low:x}::",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::ffff:ffff",
        f"2001:0:5db8:d70e:0:0:{turned >> 16:x}:{turned & 0xFFFF:x}",
        f"2a00:1450::5efe:{high:x}:{low:x}",
        f"2a00:1450::200:5efe:{high:x}:{low:x}",
    ]


def literals() -> list[str]:
    hosts = [host for address in INSIDE_V4 for host in spellings(address)]
    hosts += [f"[{address}]" for address in INSIDE_V6]
    hosts += ["[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]", "[::1].", "[::127.0.0.1]", "[v1.fe80::1]", "[::ffff:7f.1]"]
    hosts += "localhost LOCALHOST localhost. ip6-localhost foo.localhost metadata metadata.google.internal".split()
    return [f"{scheme}://{host}/" for host in hosts for scheme in ("http", "https")]


def confusions() -> list[str]:
    """Return addresses in which one parser sees a public host and another one that is inside."""
    shapes = """
    http://{out}@{in}/ http://{out}:80@{in}:80/ http://{out}%40{in}/ http://{out}#@{in}/ http://{out}?@{in}/
    http://{out}\\@{in}/ http://{in}\\@{out}/ http://{in}#@{out}/ http://{in}?@{out}/ http://{in}/@{out}
    http://{out}%2f@{in}/ http://{in}%2f@{out}/ http://{in}%23@{out}/ http://{out}%00@{in}/ http://{out}%00.{in}/
    http:///{in}/ http:////{in}/ http:/{in}/ http:{in}/ http:\\\\{in}\\ http:/\\{in}/ //{in}/ \\\\{in}\\ {in}
    http://{in}:80%20@{out}/ http://{in}:@{out}/ http://:@{in}/ http://@{in}/ http://@{out}@{in}/ http://{out}@@{in}/
    http://{in};.{out}/ http://{in},{out}/ http://{in}&@{out}#@{in}/ http://{in}:80:80/ http://{in}:/ http://{in}:080/
    http://{in}:%38%30/ http://{out}:80\\@{in}:80/ http://[{in}]/ http://[::ffff:{in}/ http://{in}]/ http://[{out}]@{in}/
    HTTP://{in}/ hTtPs://{in}/ http://{in}%20/ http://%20{in}/ http://{in}%09/ http://{in}%0d%0aHost:{out}/
    http://{in}／ http://{out}／@{in}/ http://{out}＠{in}/ http://{in}．/ http://{in}..../ http://.{in}/
    http://{out}＃@{in}/
    """
    spaced = ["http://{in}\t/", "ht\ttp://{in}/", "http://{out}\n@{in}/", "http://{in}\r\nHost: {out}/", "\x00http://{in}/",
              " http://{in}/", "http://{in}\x00.{out}/", "http://{in}/ HTTP/1.1\r\nHost: {out}", "http://{in}\u2028/",
              "http://{out}\u2100@{in}/", "http://{in}\ud800/", "http://{in}\u3000@{out}/"]  # fmt: skip
    return [
        shape.replace("{in}", inside).replace("{out}", PUBLIC)
        for inside in ("127.0.0.1", "169.254.169.254", "10.0.0.1")
        for shape in (*shapes.split(), *spaced)
    ]


def doors() -> list[str]:
    """Return schemes, ports and credentials that are never asked, whatever the host."""
    schemes = "ftp ftps file gopher dict ldap tftp ws wss data javascript jar netdoc sftp ssh smb blob".split()
    urls = [f"{scheme}://{host}/" for scheme in schemes for host in (PUBLIC, "127.0.0.1")]
    urls += [f"{scheme}://{PUBLIC}:{port}/" for port in (*PORTS, 0, 1, 65535, 65536, -1) for scheme in PLAIN]
    urls += [f"http://public.example:{port}/" for port in PORTS]
    return urls + [f"http://{user}@{PUBLIC}/" for user in ("a", "a:b", ":b", "%61", "a%3Ab")]


# name -> what its name server says, one list of answers a lookup, the last for ever
INSIDE_NAMES: dict[str, list[list[str]]] = {
    **{f"in{number}.example": [[address]] for number, address in enumerate(INSIDE_V4)},
    **{f"six{number}.example": [[address]] for number, address in enumerate(INSIDE_V6)},
    **{f"via{number}.example": [[address]] for number, address in enumerate(carried("169.254.169.254"))},
    "both.example": [[PUBLIC, "10.0.0.1"]],
    "last.example": [[*(f"93.184.215.{n}" for n in range(1, 60)), "127.0.0.1"]],
    "first.example": [["127.0.0.1", PUBLIC]],
    "mixed.example": [[PUBLIC, "::1"]],
    "nothing.example": [[]],
    "junk.example": [["not an address", PUBLIC]],
    "zone.example": [["fe80::1%lo"]],
    "then.example": [["10.0.0.1"], [PUBLIC]],
}
REBINDING: dict[str, list[list[str]]] = {
    "rebind.example": [[PUBLIC], ["127.0.0.1"]],
    "rebind6.example": [["2606:4700:4700::1111"], ["::1"]],
    "wheel.example": [[PUBLIC], ["169.254.169.254"], [PUBLIC], ["10.0.0.1"]],
}
OUTSIDE_NAMES: dict[str, list[list[str]]] = {
    "public.example": [[PUBLIC]],
    "many.example": [[f"93.184.215.{n}" for n in range(1, 60)]],
    "dual.example": [["2606:4700:4700::1111", PUBLIC]],
    "only6.example": [["2a00:1450:4001::1"]],
    "xn--bcher-kva.example": [[PUBLIC]],
    "xn--fiqs8s.example": [["1.1.1.1"]],
    "under_score.example": [["1.1.1.1"]],
    "127.0.0.1.public.example": [[PUBLIC]],
    "localhost.public.example": [[PUBLIC]],
}


def honest() -> list[tuple[str, str]]:
    """Return (address, the host it belongs to) of what must not be refused."""
    urls = [(f"http://{address}/", address) for address in OUTSIDE_V4]
    urls += [(f"http://[{address}]/", address) for address in OUTSIDE_V6]
    urls += [(f"{scheme}://{name}/a?b=c", name) for name in OUTSIDE_NAMES for scheme in ("http", "https")]
    return [
        *urls,
        ("http://PUBLIC.example./", "public.example"),
        ("http://public.example:80/%E4%BD%A0?q=a b", "public.example"),
        ("http://bücher.example/ä", "xn--bcher-kva.example"),
        ("http://中国.example/", "xn--fiqs8s.example"),
        ("http://public.example/@127.0.0.1/?u=http://10.0.0.1/#@::1", "public.example"),
        (f"http://{int(IPv4Address(PUBLIC))}/", PUBLIC),
        (f"http://{PUBLIC}#@10.0.0.1/", PUBLIC),
        ("  http://public.example/  ", "public.example"),
    ]
