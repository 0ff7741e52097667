// Opus packets into an Ogg file, page by page, so that what has been made can be sent before the rest is spoken.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});
const FIRST = 2;
const LAST = 4;
const text = new TextEncoder();

export class Ogg {
  constructor(rate, preSkip = 312) {
    this.serial = (Math.random() * 0xffffffff) >>> 0;
    this.sequence = 0;
    this.granule = preSkip;
    this.packets = [];
    this.head = head(rate, preSkip);
  }

  /** Take one packet and the 48 kHz samples it holds. */
  add(packet, samples) {
    this.packets.push(packet);
    this.granule += samples;
  }

  /** Return the bytes since the last call; `end` closes the file. */
  take(end = false) {
    const pages = [];
    if (this.head) {
      pages.push(this.page([this.head], 0, FIRST), this.page([tags()], 0, 0));
      this.head = null;
    }
    // 200 packets of 20 ms at 24 kbit/s need one lacing byte each: a page holds 255
    while (this.packets.length > 200) {
      const full = this.packets.splice(0, 200);
      pages.push(this.page(full, this.granule - this.packets.length * 960, 0));
    }
    if (this.packets.length || end) pages.push(this.page(this.packets.splice(0), this.granule, end ? LAST : 0));
    return join(pages);
  }

  page(packets, granule, flags) {
    const lacing = packets.flatMap(({ length }) => [...Array(Math.floor(length / 255)).fill(255), length % 255]);
    const body = join(packets);
    const page = new Uint8Array(27 + lacing.length + body.length);
    const view = new DataView(page.buffer);
    page.set(text.encode("OggS"));
    page[5] = flags;
    view.setBigUint64(6, BigInt(granule), true);
    view.setUint32(14, this.serial, true);
    view.setUint32(18, this.sequence++, true);
    page[26] = lacing.length;
    page.set(lacing, 27);
    page.set(body, 27 + lacing.length);
    let crc = 0;
    for (const byte of page) crc = ((crc << 8) ^ CRC[((crc >>> 24) ^ byte) & 255]) >>> 0;
    view.setUint32(22, crc, true);
    return page;
  }
}

export function join(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function head(rate, preSkip) {
  const bytes = new Uint8Array(19);
  const view = new DataView(bytes.buffer);
  bytes.set(text.encode("OpusHead"));
  bytes.set([1, 1], 8);
  view.setUint16(10, preSkip, true);
  view.setUint32(12, rate, true);
  return bytes;
}

function tags() {
  const bytes = new Uint8Array(22);
  bytes.set(text.encode("OpusTags"));
  bytes[8] = 6;
  bytes.set(text.encode("parley"), 12);
  return bytes;
}
