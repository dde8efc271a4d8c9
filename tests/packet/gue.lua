-- SPDX-License-Identifier: Apache-2.0
--
-- Wireshark 4.0 doesn't support Generic UDP Encapsulation. This dissects variant 0 (draft-ietf-intarea-gue, section 3);
-- Wireshark's own code dissects the content.
local gue = Proto("gue", "Generic UDP Encapsulation")
local header_length = ProtoField.uint8("gue.hlen", "Header length in words", base.DEC, nil, 0x1f)
local protocol = ProtoField.uint8("gue.proto", "Protocol")
local flags = ProtoField.uint16("gue.flags", "Flags", base.HEX)
gue.fields = {header_length, protocol, flags}

local inner = DissectorTable.get("ip.proto")

function gue.dissector(bytes, packet, tree)
  local length = 4 + 4 * bytes(0, 1):bitfield(3, 5)
  local subtree = tree:add(gue, bytes(0, length))
  subtree:add(header_length, bytes(0, 1))
  subtree:add(protocol, bytes(1, 1))
  subtree:add(flags, bytes(2, 2))
  inner:try(bytes(1, 1):uint(), bytes(length):tvb(), packet, tree)
end

DissectorTable.get("udp.port"):add(5080, gue)
