-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- amflip: FLIP, Amoeba's network layer, and what it carries, for Wireshark and tshark.
--
-- "make install" puts this into Wireshark's plugin folder; without that:
--	tshark -X lua_script:amflip.lua -r FILE
--
-- Dissected is ethertype 0x8146, and UDP port 8146, that of overlays: the control header, the FLIP
-- header, transactions (RPC) with the classic header, group messages.  The bytes are in Documentation/wire.rst and rpc.rst.
-- Filters: amflip.*, amflip.rpc.*, amflip.grp.*, amflip.hdr.*; what is wrong with a frame is
-- amflip.bad.*, what is remarkable amflip.note.*; see Documentation/flip.rst.
--
-- A message of several packets is put together: its first packet shows the header that stands
-- in it, its last one the whole message.  What belongs together (reply and request, ACK and what
-- it acknowledges, HEREIS and LOCATE, bounced and original packet) is linked.  All that is found
-- out when a frame is seen for the first time and kept by its number: later passes only show it.
--
-- For the Lua of Wireshark 4.0 (5.2) and that of 4.4 (5.4); hence no operators on bits.

-- Wireshark takes a protocol once. Whoever tests a copy of this on a machine where it is installed
-- names the copy in the environment, and the others stand back.
local only = os.getenv("AMFLIP_LUA")
if only and debug.getinfo(1, "S").source ~= "@" .. only then
	return
end

local flip = Proto("amflip", "FLIP, Amoeba's network layer")

flip.prefs.reassemble = Pref.bool("Put messages of several packets together", true,
	"Show the transaction or group message in its last packet")
flip.prefs.reassemble_max = Pref.uint("... up to this size (KiB)", 4096,
	"Larger messages are not kept in memory")

-- ---- constants of the wire ----------------------------------------------------------------------

local FC_NAMES = { [0] = "DATA", "REQCREDIT", "CREDIT", "MCREQ", "MCACK", "MCNAK", "ABSCREDIT",
	"FAST_UNI", "FAST_MULTI" }
local DATA, REQCREDIT, CREDIT, MCREQ, MCACK, MCNAK, ABSCREDIT = 0, 1, 2, 3, 4, 5, 6

local TYPE_NAMES = { "LOCATE", "HEREIS", "UNIDATA", "MULTIDATA", "NOTHERE", "UNTRUSTED" }
local LOCATE, HEREIS, UNIDATA, MULTIDATA, NOTHERE, UNTRUSTED = 1, 2, 3, 4, 5, 6

local FLAGS = { { 0x01, "BIGENDIAN" }, { 0x02, "CODEFIELD" }, { 0x04, "SECURITY" },
	{ 0x10, "UNREACHABLE" }, { 0x20, "UNSAFE" } }

local PROTOCOLS = { "RPC", "GROUP" }
local PROTO_RPC, PROTO_GRP = 1, 2

local RPC_NAMES = { "LOCATE", "HEREIS", "REQUEST", "REPLY", "ACK", "NAK", "ENQUIRE", "ALIVE",
	"RECEIVED", "FORWARD", "FAIL", [32] = "REQUEST_WIDE", [33] = "REPLY_WIDE", [34] = "MISSING" }
local RPC_LOCATE, RPC_HEREIS, RPC_REQUEST, RPC_REPLY, RPC_ACK, RPC_NAK, RPC_ENQUIRE, RPC_ALIVE,
	RPC_RECEIVED, RPC_FORWARD, RPC_FAIL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
-- of our kind only
local RPC_REQUEST_WIDE, RPC_REPLY_WIDE, RPC_MISSING = 32, 33, 34
local MISSING_MOST = 128		-- ranges

local RPC_FLAGS = { { 0x01, "BIGENDIAN" }, { 0x02, "RETRANS" }, { 0x04, "REQUEST" },
	{ 0x08, "REPLY" }, { 0x10, "SIGTRANS" }, { 0x20, "ACKS" }, { 0x80, "OURS" } }
local KNOWS = { { 0x01, "WIDE" }, { 0x02, "MISSING" }, { 0x04, "ACKS" } }

local GRP_NAMES = { [0] = "LOCATE", "HEREIS", "JOINREQ", "JOIN", "LEAVEREQ", "LEAVE", "BCASTREQ",
	"BCAST", "ACK", "RETRANS", "SYNC", "STATE", "REFORMREQ", "VOTE", "RESULT", "RESULTACK",
	"ALIVE", "ALIVEREQ", "DEAD" }
local GRP_LOCATE, GRP_HEREIS, GRP_JOINREQ, GRP_JOIN, GRP_LEAVEREQ, GRP_LEAVE, GRP_BCASTREQ,
	GRP_BCAST, GRP_SYNC, GRP_VOTE, GRP_RESULT, GRP_ALIVEREQ =
	0, 1, 2, 3, 4, 5, 6, 7, 10, 13, 14, 17
local GRP_FLAGS = { { 0x01, "BIGENDIAN" } }
local GRP_STATES = { [0] = "UNUSED", "MEMBER", "JOINING", "LEAVING", "LEFTMEMBER" }
local GRP_VOTES = { [0xffffffff] = "STOP", [0xfffffffe] = "ABORT", [0xfffffffd] = "CRASHED",
	[0xfffffffc] = "SILENT" }

-- commands and errors every server has
local COMMANDS = { [1000] = "STD_MONITOR", [1001] = "STD_AGE", [1002] = "STD_COPY",
	[1003] = "STD_DESTROY", [1004] = "STD_INFO", [1005] = "STD_RESTRICT",
	[1006] = "STD_STATUS", [1007] = "STD_TOUCH", [1008] = "STD_GETPARAMS",
	[1009] = "STD_SETPARAMS", [1010] = "STD_NTOUCH" }
local STATUSES = { [0] = "OK", [-1] = "RPC_FAILURE", [-2] = "RPC_NOTFOUND",
	[-3] = "RPC_BADADDRESS", [-4] = "RPC_ABORTED", [-5] = "RPC_TRYAGAIN", [-6] = "RPC_COMBAD",
	[-7] = "RPC_REMOTERPC", [-8] = "RPC_BADPORT", [-9] = "RPC_UNSAFE",
	[-1000] = "STD_CAPBAD", [-1001] = "STD_COMBAD", [-1002] = "STD_ARGBAD",
	[-1003] = "STD_NOTNOW", [-1004] = "STD_NOSPACE", [-1005] = "STD_DENIED",
	[-1006] = "STD_NOMEM", [-1007] = "STD_EXISTS", [-1008] = "STD_NOTFOUND",
	[-1009] = "STD_SYSERR", [-1010] = "STD_INTR", [-1011] = "STD_OVERFLOW",
	[-1012] = "STD_WRITEPROT", [-1013] = "STD_NOMEDIUM" }

local ETHERTYPE = 0x8146
local FC_LEN, HDR_LEN, RPC_LEN, CLASSIC_LEN, WIDE_LEN, GRP_LEN = 2, 40, 24, 32, 64, 20
local ACKS_LEN = 8	-- behind the wide header of a REQUEST that acknowledges another one
local MAX_HOPS = 25				-- 26 in a LOCATE that no cache may answer
local MAX_TOTAL = 1024 * 1024 * 1024 + 128
local CREDITS = 64				-- 8 from originals
local NULL = string.rep("00", 8)		-- the null address

-- ---- fields -------------------------------------------------------------------------------------

local F = {}		-- by their name after "amflip."
local all_fields = {}

local function field(make, name, ...)
	local f = ProtoField[make]("amflip." .. name, ...)
	F[name] = f
	all_fields[#all_fields + 1] = f
end

-- the byte itself as NAME, and NAME.flag for each of the flags
local function flags_field(name, text, flags)
	field("uint8", name, text, base.HEX)
	for _, flag in ipairs(flags) do
		field("bool", name .. "." .. flag[2]:lower(), flag[2], 8, nil, flag[1])
	end
end

field("none", "fc", "Control header")
field("uint8", "fc.type", "Control type", base.DEC, FC_NAMES)
field("uint8", "fc.count", "Count", base.DEC)
field("bool", "fc.ours", "Sender is our kind", 8, nil, 0x80)
field("uint32", "fc.payload", "Payload it takes in a packet", base.DEC)
field("bytes", "mc.location", "Multicast location")
field("bytes", "mc.address", "Multicast address")

field("uint8", "version", "Version", base.DEC)
field("uint8", "type", "Type", base.DEC, TYPE_NAMES)
flags_field("flags", "Flags", FLAGS)
field("uint8", "reserved", "Reserved", base.HEX)
field("uint16", "hops", "Actual hop count", base.DEC)
field("uint16", "hops_max", "Maximum hop count", base.DEC)
field("bytes", "dst", "Destination")
field("bytes", "src", "Source")
field("uint32", "messid", "Message id", base.DEC)
field("uint32", "length", "Length", base.DEC)
field("uint32", "offset", "Offset", base.DEC)
field("uint32", "total", "Total", base.DEC)
field("uint16", "hereis.count", "Destinations", base.DEC)
field("uint16", "hereis.trusted", "of them over trusted networks", base.DEC)
field("uint32", "protocol", "Protocol", base.DEC, PROTOCOLS)
field("bytes", "data", "Data")
field("bytes", "pad", "Padding")

field("bytes", "fragment.data", "Data of the packet")
field("framenum", "fragment", "Packet in frame", base.NONE)
field("uint32", "fragment.count", "Packets", base.DEC)
field("framenum", "reassembled_in", "Whole message in frame", base.NONE)
field("uint32", "reassembled.length", "Whole message, bytes", base.DEC)
field("framenum", "copy_of", "Same packet in frame", base.NONE)
field("framenum", "answer_in", "Answer in frame", base.NONE, frametype.RESPONSE)
field("framenum", "answer_to", "Answer to frame", base.NONE, frametype.REQUEST)
field("relative_time", "answer_time", "Answered after")

field("none", "rpc", "RPC")
field("bytes", "rpc.kid", "Kernel id")
field("uint32", "rpc.payload", "Payload it takes in a packet", base.DEC)
flags_field("rpc.knows", "What it knows", KNOWS)
field("bytes", "rpc.port", "Port")
field("uint8", "rpc.type", "Type", base.DEC, RPC_NAMES)
flags_field("rpc.flags", "Flags", RPC_FLAGS)
field("uint32", "rpc.tid", "Transaction id", base.DEC)
field("uint16", "rpc.dest", "Destination index", base.DEC)
field("uint16", "rpc.from", "Source index", base.DEC)
field("bytes", "rpc.forward", "Forwarded to address")
field("uint32", "rpc.acks", "Acknowledges transaction id", base.DEC)
field("uint32", "rpc.missing.from", "Missing from", base.DEC)
field("uint32", "rpc.missing.to", "to", base.DEC)
field("framenum", "rpc.response_in", "Response in frame", base.NONE, frametype.RESPONSE)
field("framenum", "rpc.response_to", "Response to frame", base.NONE, frametype.REQUEST)
field("relative_time", "rpc.response_time", "Response after")
field("framenum", "rpc.ack_in", "Acknowledged in frame", base.NONE, frametype.ACK)
field("framenum", "rpc.ack_to", "Acknowledges frame", base.NONE, frametype.ACK)
field("framenum", "rpc.about", "Asks about frame", base.NONE)
field("framenum", "rpc.repeats", "Repeats frame", base.NONE, frametype.RETRANS_PREV)
field("framenum", "rpc.forwarded_in", "Request to where it is forwarded in frame", base.NONE)
field("framenum", "rpc.forwarded_by", "Forwarded by frame", base.NONE)

field("none", "hdr", "Classic header")
field("bytes", "hdr.port", "Port")
field("bytes", "hdr.signature", "Signature")
field("uint24", "hdr.object", "Object", base.DEC)
field("uint8", "hdr.rights", "Rights", base.HEX)
field("bytes", "hdr.check", "Check")
field("string", "hdr.capability", "Capability")
field("uint16", "hdr.command", "Command", base.DEC)
field("int16", "hdr.status", "Status", base.DEC)
field("int32", "hdr.offset", "Offset", base.DEC)
field("uint16", "hdr.size", "Size", base.DEC)
field("uint16", "hdr.extra", "Extra", base.DEC)

field("none", "wide", "Wide header")
field("bytes", "wide.port", "Port")
field("bytes", "wide.signature", "Signature")
field("uint32", "wide.object", "Object", base.DEC)
field("uint32", "wide.rights", "Rights", base.HEX)
field("bytes", "wide.check", "Check")
field("uint32", "wide.site", "Site", base.HEX)
field("int32", "wide.command", "Command", base.DEC)
field("int32", "wide.status", "Status", base.DEC)
field("uint32", "wide.extra", "Extra", base.DEC)
field("int64", "wide.offset", "Offset", base.DEC)
field("uint64", "wide.size", "Size", base.DEC)

field("none", "grp", "Group")
field("uint8", "grp.type", "Type", base.DEC, GRP_NAMES)
flags_field("grp.flags", "Flags", GRP_FLAGS)
field("uint16", "grp.reserved", "Reserved", base.HEX)
field("uint16", "grp.cpu", "Member index", base.DEC)
field("uint16", "grp.incarnation", "Incarnation", base.DEC)
field("uint32", "grp.seqno", "Sequence number", base.DEC)
field("uint32", "grp.messid", "Message id", base.DEC)
field("uint32", "grp.expect", "Expects", base.DEC)
field("bytes", "grp.process", "Process address")
field("bytes", "grp.address", "Member address")
field("uint16", "grp.max_members", "Most members", base.DEC)
field("uint16", "grp.log_history", "Log2 of history", base.DEC)
field("uint16", "grp.log_message", "Log2 of largest message", base.DEC)
field("uint16", "grp.resilience", "Resilience", base.DEC)
field("uint32", "grp.large", "Large from", base.DEC)
field("uint16", "grp.index", "Index of the newcomer", base.DEC)
field("uint16", "grp.sequencer", "Sequencer", base.DEC)
field("bytes", "grp.private", "Private group address")
field("bytes", "grp.private_all", "Private address of all members")
field("none", "grp.member", "Member")
field("uint32", "grp.member.state", "State", base.DEC, GRP_STATES)
field("uint32", "grp.member.expect", "Expects", base.DEC)
field("uint32", "grp.member.messid", "Message id", base.DEC)
field("uint16", "grp.total", "Members", base.DEC)
field("uint32", "grp.next", "Next sequence number", base.DEC)
field("uint16", "grp.new_incarnation", "Incarnation of the group", base.DEC)
field("uint16", "grp.sync", "To answer", base.DEC)

flip.fields = all_fields

-- ---- expert infos -------------------------------------------------------------------------------

local E = {}
local all_experts = {}

local function expert_info(name, text, group, severity)
	local e = ProtoExpert.new("amflip." .. name, text, group, severity)
	E[name] = e
	all_experts[#all_experts + 1] = e
end

local function bad(name, text)
	expert_info("bad." .. name, text, expert.group.MALFORMED, expert.severity.ERROR)
end

local function note(name, text, group, severity)
	expert_info("note." .. name, text, expert.group[group], expert.severity[severity])
end

bad("truncated", "Cut short")
bad("version", "Unknown version")
bad("type", "Unknown type")
bad("flags", "Impossible flag")
bad("bounds", "Outside of its message")
bad("hops", "Impossible hop count")
bad("hereis", "Impossible HEREIS")
bad("address", "Impossible address")
bad("length", "Length does not fit the type")
bad("wide", "Impossible wide header")
bad("missing", "Impossible range")
note("cut", "Not captured whole", "UNDECODED", "NOTE")
note("flags", "Unknown flag", "PROTOCOL", "NOTE")
note("protocol", "Unknown protocol", "UNDECODED", "NOTE")
note("credits", "More credits than a window", "PROTOCOL", "NOTE")
note("copy", "Duplicate", "SEQUENCE", "NOTE")
note("order", "Not in order", "SEQUENCE", "WARN")
note("overlap", "Overlaps another packet of the message", "SEQUENCE", "WARN")
note("total", "Another total than earlier packets of the message", "SEQUENCE", "WARN")
note("bounced", "Came back undelivered", "RESPONSE_CODE", "WARN")
note("multicast", "Refused to listen to the multicast address", "RESPONSE_CODE", "WARN")
note("nak", "Refused", "RESPONSE_CODE", "WARN")
note("fail", "Failed", "RESPONSE_CODE", "WARN")
note("retrans", "Retransmission", "SEQUENCE", "NOTE")
note("unseen", "What it refers to was not captured", "SEQUENCE", "CHAT")

flip.experts = all_experts

-- ---- what is known of the capture ---------------------------------------------------------------

local S		-- of the file that is open

local function forget()
	S = {
		frames = {},	-- number -> record of the frame
		packets = {},	-- packet (type, addresses, id, offset) -> record of its first frame
		messages = {},	-- message (type, addresses, id) -> its packets
		asked = {},	-- question -> record of the frame that asks it
		calls = {},	-- client's address and tid -> transaction
		located = {},	-- RPC LOCATE -> RPC message
		forwards = {},	-- client, thread and new server -> FORWARD
		kinds = {},	-- address -> "RPC" or "GRP"
	}
end
forget()
flip.init = forget

-- ---- small things -------------------------------------------------------------------------------

local function has(value, bit)
	return math.floor(value / bit) % 2 == 1
end

local function flags_text(value, flags)
	local words, rest = {}, value
	for _, flag in ipairs(flags) do
		if has(value, flag[1]) then
			words[#words + 1] = flag[2]
			rest = rest - flag[1]
		end
	end
	if rest > 0 then
		words[#words + 1] = string.format("0x%x", rest)
	end
	local text = string.format("0x%02x", value)
	return #words > 0 and text .. "(" .. table.concat(words, "|") .. ")" or text, rest
end

local function hex(range)
	return range:bytes():tohex():lower()
end

local function name_of(names, value)
	return names[value] or tostring(value)
end

-- integers are in the order a flag of their header tells
local function number(range, be)
	return be and range:uint() or range:le_uint()
end

local function add(tree, name, range, be)
	if be == false then
		return tree:add_le(F[name], range)
	end
	return tree:add(F[name], range)
end

local function add_flags(tree, name, range, flags)
	local value = range:uint()
	local text, rest = flags_text(value, flags)
	local sub = tree:add(F[name], range):append_text(text:match("%(.*") or "")
	for _, flag in ipairs(flags) do
		sub:add(F[name .. "." .. flag[2]:lower()], range)
	end
	if rest > 0 then
		sub:add_proto_expert_info(E["note.flags"], string.format("Unknown flag 0x%x", rest))
	end
	return sub, value
end

local function complain(tree, name, ...)
	tree:add_proto_expert_info(E[name], string.format(...))
end

local function generated(tree, name, value)
	return tree:add(F[name], value):set_generated()
end

local function add_time(tree, name, seconds)
	local s = math.floor(seconds)
	generated(tree, name, NSTime.new(s, math.floor((seconds - s) * 1e9 + 0.5)))
end

-- A packet being dissected: where its bytes end, in which frame, what is written about it.
--
--	tree, info	to add to
--	frame		record of the frame
--	type, src, dst, messid, length, offset, total	of the FLIP header
--	bounced		it is coming back
--
-- Are there @n bytes at @off, before @fin?  If not, say so.
local function room(tree, tvb, off, n, fin, what)
	if off + n > fin then
		complain(tree, "bad.truncated", "Cut short: %s needs %d bytes, there are %d", what, n,
			 math.max(fin - off, 0))
		return false
	end
	if off + n > tvb:len() then
		complain(tree, "note.cut", "Not captured whole: %s", what)
		return false
	end
	return true
end

-- the bytes from @off to @fin that were captured
local function add_bytes(tree, name, tvb, off, fin)
	fin = math.min(fin, tvb:len())
	if fin > off then
		tree:add(F[name], tvb(off, fin - off))
	end
end

-- ---- questions and answers of FLIP itself -------------------------------------------------------

local function ask(frame, key)
	S.asked[key] = S.asked[key] or frame
end

local function answer(frame, question)
	if question and question ~= frame and not frame.answer_to then
		frame.answer_to = question
		question.answers = question.answers or {}
		table.insert(question.answers, frame)
	end
end

local function show_answers(tree, frame)
	for _, a in ipairs(frame.answers or {}) do
		generated(tree, "answer_in", a.number)
	end
	if frame.answer_to then
		generated(tree, "answer_to", frame.answer_to.number)
		add_time(tree, "answer_time", frame.time - frame.answer_to.time)
	end
end

-- ---- transactions -------------------------------------------------------------------------------
--
-- An RPC message M: type, frame (of its first packet), whole (frame of its last one), and links
-- to other messages.  A call: all messages of one client address and transaction id.

local function frame_of(m)
	return (m.whole or m.frame).number
end

local function respond(m, question)
	if question then
		m.response_to = question
		question.response = question.response or m
	end
end

local function acknowledge(m, what)
	if what then
		m.ack_to = what
		what.ack_in = what.ack_in or m
	end
end

-- the later of two messages, either of which may be missing
local function later(a, b)
	if a and b then
		return a.frame.number > b.frame.number and a or b
	end
	return a or b
end

local function open_question(m)
	return m and not m.response and m or nil
end

-- ACK, NAK and FAIL go both ways: the call whose open question they answer
local function call_of_answer(p, m)
	local mine, theirs = S.calls[p.src .. m.tid], S.calls[p.dst .. m.tid]

	mine = mine and mine.server == p.dst and mine or nil
	theirs = theirs and theirs.server == p.src and theirs or nil
	if mine and theirs then
		-- each is the other's client and both count alike
		local a = later(later(mine.reply, mine.forward), mine.received_reply)
		local b = later(theirs.request, theirs.received_request)
		if b and later(a, b) == b then
			mine = nil
		end
	end
	return mine or theirs, mine ~= nil
end

local on = {}		-- by type: what is known once message @m has been seen in packet @p

on[RPC_LOCATE] = function(p, m)
	S.located[p.src .. m.tid .. "/" .. m.from .. m.port] = m
end

on[RPC_HEREIS] = function(p, m)
	respond(m, S.located[p.dst .. m.tid .. "/" .. m.dest .. m.port])
end

on[RPC_REQUEST] = function(p, m)
	local key = p.src .. m.tid
	local call = S.calls[key] or {}
	local forward = p.src .. "/" .. m.from .. p.dst

	S.calls[key] = call
	m.repeats = call.request
	call.request, call.server = m, p.dst
	m.forwarded_by = S.forwards[forward]
	if m.forwarded_by then
		m.forwarded_by.forwarded_in = m
		S.forwards[forward] = nil
	end
end

local function call_from_server(p, m)
	local call = S.calls[p.dst .. m.tid]
	return call and call.server == p.src and call or nil
end

on[RPC_REPLY] = function(p, m)
	local call = call_from_server(p, m)
	if call then
		m.repeats = call.reply
		call.reply = m
		respond(m, call.request)
	end
end

on[RPC_FORWARD] = function(p, m)
	local call = call_from_server(p, m)
	if call then
		m.repeats = call.forward
		call.forward = m
		respond(m, call.request)
	end
	if m.forward then
		S.forwards[p.dst .. "/" .. m.dest .. m.forward] = m
	end
end

on[RPC_RECEIVED] = function(p, m)
	if m.asks_reply then
		local call = call_from_server(p, m)
		if call then
			m.about, call.received_reply = call.reply, m
		end
		return
	end
	local call = S.calls[p.src .. m.tid]
	if call then
		m.about, call.received_request = call.request, m
	end
end

on[RPC_ENQUIRE] = function(p, m)
	local call = S.calls[p.src .. m.tid]
	if call then
		m.about, call.enquire = call.request, m
	end
end

on[RPC_MISSING] = function(p, m)
	-- of this message of the other's
	local message = S.messages[UNIDATA .. p.dst .. p.src .. m.tid]
	m.about = message and message.rpc
end

on[RPC_ALIVE] = function(p, m)
	local call = call_from_server(p, m)
	if call then
		respond(m, call.enquire)
	end
end

on[RPC_ACK] = function(p, m)
	local call, from_client = call_of_answer(p, m)
	if call then
		local received = from_client and "received_reply" or "received_request"
		respond(m, open_question(call[received]))
		acknowledge(m, from_client and later(call.reply, call.forward) or call.request)
	end
end

on[RPC_NAK] = function(p, m)
	local call, from_client = call_of_answer(p, m)
	if call and from_client then
		respond(m, open_question(call.received_reply))
	elseif call then
		respond(m, later(open_question(call.received_request), call.request))
	end
end

on[RPC_FAIL] = function(p, m)
	local call, from_client = call_of_answer(p, m)
	if call and not from_client then
		respond(m, later(later(open_question(call.received_request),
				       open_question(call.enquire)), call.request))
	end
end

on[RPC_REQUEST_WIDE] = function(p, m)
	local before = m.acks and S.calls[p.src .. m.acks]

	on[RPC_REQUEST](p, m)
	if before and before.server == p.dst then
		acknowledge(m, before.reply)
	end
end
on[RPC_REPLY_WIDE] = on[RPC_REPLY]

local REFERS = { [RPC_HEREIS] = true, [RPC_REPLY] = true, [RPC_REPLY_WIDE] = true,
	[RPC_ACK] = true, [RPC_NAK] = true, [RPC_ALIVE] = true, [RPC_FORWARD] = true, [RPC_FAIL] = true }

local function show_links(tree, m, frame)
	if m.response then
		generated(tree, "rpc.response_in", frame_of(m.response))
	end
	if m.response_to then
		generated(tree, "rpc.response_to", frame_of(m.response_to))
		if frame == m.whole then
			add_time(tree, "rpc.response_time", frame.time - m.response_to.frame.time)
		end
	end
	for _, name in ipairs({ "ack_in", "ack_to", "about", "forwarded_in", "forwarded_by" }) do
		if m[name] then
			generated(tree, "rpc." .. name, frame_of(m[name]))
		end
	end
	if m.repeats then
		generated(tree, "rpc.repeats", frame_of(m.repeats))
		complain(tree, "note.retrans", "%s again, as in frame %d", RPC_NAMES[m.type],
			 frame_of(m.repeats))
	end
	if REFERS[m.type] and not m.response_to and not m.ack_to then
		complain(tree, "note.unseen", "What this %s refers to was not captured",
			 RPC_NAMES[m.type])
	end
end

-- ---- the classic header -------------------------------------------------------------------------

-- "P:P:P:P:P:P/object(RIGHTS)/C:C:C:C:C:C"
local function capability(port, object, rights, check)
	local function bytes(range)
		local t = {}
		for i = 0, 5 do
			t[#t + 1] = string.format("%X", range(i, 1):uint())
		end
		return table.concat(t, ":")
	end
	return string.format("%s/%d(%X)/%s", bytes(port), object, rights, bytes(check))
end

-- returns the value of the command, or of the status if @reply
local function dissect_classic(tree, tvb, off, be, reply)
	local hdr = tree:add(F["hdr"], tvb(off, CLASSIC_LEN))
	local port, object, check = tvb(off, 6), tvb(off + 12, 3), tvb(off + 16, 6)
	local command = tvb(off + 22, 2)
	local value, item, name

	add(hdr, "hdr.port", port)
	add(hdr, "hdr.signature", tvb(off + 6, 6))
	hdr:add_le(F["hdr.object"], object)
	add(hdr, "hdr.rights", tvb(off + 15, 1))
	add(hdr, "hdr.check", check)
	generated(hdr, "hdr.capability",
		  capability(port, object:le_uint(), tvb(off + 15, 1):uint(), check))
	if reply then
		value = be and command:int() or command:le_int()
		item, name = add(hdr, "hdr.status", command, be), STATUSES[value]
	else
		value = number(command, be)
		item, name = add(hdr, "hdr.command", command, be), COMMANDS[value]
	end
	item:append_text(name and " (" .. name .. ")" or "")
	add(hdr, "hdr.offset", tvb(off + 24, 4), be)
	add(hdr, "hdr.size", tvb(off + 28, 2), be)
	add(hdr, "hdr.extra", tvb(off + 30, 2), be)
	return value
end

-- ---- the wide header: of our kind, integers always little-endian --------------------------------

local function dissect_wide(tree, tvb, off, reply)
	local hdr = tree:add(F["wide"], tvb(off, WIDE_LEN))
	local command = tvb(off + 40, 4)
	local value, item, name

	local port = add(hdr, "wide.port", tvb(off, 8))
	local signature = add(hdr, "wide.signature", tvb(off + 8, 8))
	for item, at in pairs({ [port] = off + 6, [signature] = off + 14 }) do
		if tvb(at, 2):uint() ~= 0 then
			complain(item, "bad.wide", "Bytes 6 and 7 are not zero")
		end
	end
	add(hdr, "wide.object", tvb(off + 16, 4), false)
	add(hdr, "wide.rights", tvb(off + 20, 4), false)
	add(hdr, "wide.check", tvb(off + 24, 12))
	add(hdr, "wide.site", tvb(off + 36, 4), false)
	value = command:le_int()
	if reply then
		item, name = add(hdr, "wide.status", command, false), STATUSES[value]
	else
		item, name = add(hdr, "wide.command", command, false), COMMANDS[value]
	end
	item:append_text(name and " (" .. name .. ")" or "")
	add(hdr, "wide.extra", tvb(off + 44, 4), false)
	add(hdr, "wide.offset", tvb(off + 48, 8), false)
	add(hdr, "wide.size", tvb(off + 56, 8), false)
	return value
end

-- ---- RPC ----------------------------------------------------------------------------------------

local RPC_TOTAL = { [RPC_REQUEST] = RPC_LEN + CLASSIC_LEN, [RPC_REPLY] = RPC_LEN + CLASSIC_LEN,
	[RPC_FORWARD] = RPC_LEN + 8, [RPC_REQUEST_WIDE] = RPC_LEN + WIDE_LEN,
	[RPC_REPLY_WIDE] = RPC_LEN + WIDE_LEN, [RPC_MISSING] = RPC_LEN + 8 }
local IS_WIDE = { [RPC_REQUEST_WIDE] = true, [RPC_REPLY_WIDE] = true }
local IS_REPLY = { [RPC_REPLY] = true, [RPC_REPLY_WIDE] = true }
-- more may follow
local HAS_DATA = { [RPC_REQUEST] = true, [RPC_REPLY] = true, [RPC_REQUEST_WIDE] = true,
	[RPC_REPLY_WIDE] = true, [RPC_MISSING] = true }
local HAS_PORT = { [RPC_LOCATE] = true, [RPC_HEREIS] = true, [RPC_REQUEST] = true,
	[RPC_REQUEST_WIDE] = true }

-- does it acknowledge another transaction behind its header?
local function has_acks(kind, flags)
	return kind == RPC_REQUEST_WIDE and has(flags, 0x20)
end

local function least_of(kind, flags)
	return (RPC_TOTAL[kind] or RPC_LEN) + (has_acks(kind, flags) and ACKS_LEN or 0)
end

-- Can a unicast payload be an RPC message?
local function looks_like_rpc(tvb, off, fin, total)
	if fin - off < RPC_LEN then
		return false
	end
	local kind, flags = tvb(off + 14, 1):uint(), tvb(off + 15, 1):uint()
	if not RPC_NAMES[kind] or kind == RPC_LOCATE or has(flags, 0x40) or
	   has(flags, 0x20) and not has_acks(kind, flags) then
		return false
	end
	local least = least_of(kind, flags)
	return total == least or HAS_DATA[kind] and total > least
end

local function rpc_numbers(kind, tree, tvb, off, be)
	local tid = add(tree, "rpc.tid", tvb(off + 16, 4), be)
	local dest = add(tree, "rpc.dest", tvb(off + 20, 2), be)
	add(tree, "rpc.from", tvb(off + 22, 2), be)
	if kind == RPC_LOCATE or kind == RPC_HEREIS then
		tid:append_text(" (the client's clock, ms)")
	elseif kind == RPC_REQUEST or kind == RPC_REQUEST_WIDE then
		dest:append_text(" (the client's round trip, ms)")
	elseif kind == RPC_MISSING then
		tid:append_text(" (id of a FLIP message)")
	end
end

-- the record of the message whose header is in this frame; made when that is first seen
local function rpc_message(p, tvb, off, be, kind, flags)
	local frame = p.frame
	local message = frame.message

	if not frame.first then
		return frame.rpc or message and message.rpc
	elseif p.bounced then
		return nil
	elseif frame.copy_of then
		frame.rpc = frame.copy_of.rpc or message and message.rpc
		return frame.rpc
	elseif message and message.rpc then
		return message.rpc
	end
	local m = {
		type = kind, frame = frame, whole = message and message.whole or not message and frame,
		tid = "/" .. number(tvb(off + 16, 4), be),
		dest = number(tvb(off + 20, 2), be), from = number(tvb(off + 22, 2), be),
		port = "/" .. hex(tvb(off + 8, 6)), asks_reply = has(flags, 0x08),
	}
	if kind == RPC_FORWARD and off + RPC_LEN + 8 <= tvb:len() then
		m.forward = hex(tvb(off + RPC_LEN, 8))
	end
	local at = off + RPC_LEN + WIDE_LEN
	if has_acks(kind, flags) and at + ACKS_LEN <= tvb:len() then
		m.acks = "/" .. tvb(at, 4):le_uint()
	end
	frame.rpc = m
	if message then
		message.rpc = m
	end
	if on[kind] then
		on[kind](p, m)
	end
	return m
end

-- the ranges somebody asks for, as many as there are; returns the line and where they end
local function dissect_missing(tree, tvb, off, fin, text)
	local before, n = 0, 0

	while fin - off >= 8 and off + 8 <= tvb:len() do
		local from, to = tvb(off, 4):le_uint(), tvb(off + 4, 4):le_uint()
		local item = add(tree, "rpc.missing.from", tvb(off, 4), false)
		add(tree, "rpc.missing.to", tvb(off + 4, 4), false)
		if from >= to then
			complain(item, "bad.missing", "Nothing is between %d and %d", from, to)
		elseif from < before then
			complain(item, "bad.missing", "Begins before %d, where the one before ends",
				 before)
		end
		before, n, off = to, n + 1, off + 8
		if n <= 4 then
			text = string.format("%s %d-%d", text, from, to)
		end
	end
	return n > 4 and text .. " and " .. n - 4 .. " more" or text, off
end

-- @whole: off to fin is all of the message, otherwise the first packet of several
local function dissect_rpc(p, tvb, off, fin, whole)
	local tree = p.tree:add(F["rpc"], tvb(off, math.min(fin, tvb:len()) - off))
	local total = whole and fin - off or p.total

	p.protocol = "FLIP/RPC"
	if not room(tree, tvb, off, RPC_LEN, fin, "RPC header") then
		return
	end
	local kind, flags = tvb(off + 14, 1):uint(), tvb(off + 15, 1):uint()
	local be = has(flags, 0x01)
	local least = least_of(kind, flags)
	local port = hex(tvb(off + 8, 6))

	local kid = add(tree, "rpc.kid", tvb(off, 8))
	if has(flags, 0x80) and (kind == RPC_LOCATE or kind == RPC_HEREIS) then
		-- not a kernel id then
		kid:add_le(F["rpc.payload"], tvb(off, 4))
		add_flags(kid, "rpc.knows", tvb(off + 4, 1), KNOWS)
	end
	add(tree, "rpc.port", tvb(off + 8, 6))
	local item = add(tree, "rpc.type", tvb(off + 14, 1))
	add_flags(tree, "rpc.flags", tvb(off + 15, 1), RPC_FLAGS)
	rpc_numbers(kind, tree, tvb, off, be)
	local text = string.format("RPC %s f=%s tid=%d dest=%d from=%d", name_of(RPC_NAMES, kind),
		(flags_text(flags, RPC_FLAGS)), number(tvb(off + 16, 4), be),
		number(tvb(off + 20, 2), be), number(tvb(off + 22, 2), be))
	if HAS_PORT[kind] then
		text = text .. " port=" .. port
	end
	if not RPC_NAMES[kind] then
		complain(item, "bad.type", "Unknown RPC type %d", kind)
	elseif total < least or total > least and not HAS_DATA[kind] then
		complain(item, "bad.length", "%s of %d bytes, %s", RPC_NAMES[kind], total,
			 (HAS_DATA[kind] and "at least " or "not ") .. least)
	elseif kind == RPC_LOCATE and p.dst ~= NULL then
		complain(item, "bad.type", "LOCATE that is not a broadcast")
	elseif kind ~= RPC_LOCATE and p.dst == NULL then
		complain(item, "bad.type", "%s as a broadcast", RPC_NAMES[kind])
	end

	if kind == RPC_MISSING and ((total - RPC_LEN) % 8 ~= 0 or
				    total > RPC_LEN + 8 * MISSING_MOST) then
		complain(item, "bad.length", "MISSING of %d bytes, not %d and 1 to %d ranges of 8",
			 total, RPC_LEN, MISSING_MOST)
	end

	local m = RPC_NAMES[kind] and rpc_message(p, tvb, off, be, kind, flags)
	off = off + RPC_LEN
	if kind == RPC_MISSING then
		text, off = dissect_missing(tree, tvb, off, fin, text)
	elseif IS_WIDE[kind] and total >= least then
		if room(tree, tvb, off, WIDE_LEN, fin, "wide header") then
			local reply = IS_REPLY[kind]
			local value = dissect_wide(tree, tvb, off, reply)
			local name = (reply and STATUSES or COMMANDS)[value]
			text = string.format("%s %s=%d%s data=%d", text,
				reply and "status" or "cmd", value, name and " " .. name or "",
				total - least)
			off = off + WIDE_LEN
			if has_acks(kind, flags) and room(tree, tvb, off, ACKS_LEN, fin, "acknowledged") then
				add(tree, "rpc.acks", tvb(off, 4), false)
				off = off + ACKS_LEN
			end
		else
			off = fin
		end
	elseif HAS_DATA[kind] and total >= least then
		if room(tree, tvb, off, CLASSIC_LEN, fin, "classic header") then
			local reply = kind == RPC_REPLY
			local value = dissect_classic(tree, tvb, off, be, reply)
			local name = (reply and STATUSES or COMMANDS)[value]
			text = string.format("%s %s=%d%s data=%d", text,
				reply and "status" or "cmd", value, name and " " .. name or "",
				total - least)
			off = off + CLASSIC_LEN
		else
			off = fin
		end
	elseif kind == RPC_FORWARD and total >= least then
		if room(tree, tvb, off, 8, fin, "FORWARD") then
			add(tree, "rpc.forward", tvb(off, 8))
			text = text .. " to=" .. hex(tvb(off, 8))
		end
		off = off + 8
	end
	add_bytes(tree, whole and "data" or "fragment.data", tvb, off, fin)

	if kind == RPC_NAK then
		complain(item, "note.nak", "Refused")
	elseif kind == RPC_FAIL then
		complain(item, "note.fail", "Failed, maybe executed")
	end
	if m then
		show_links(tree, m, p.frame)
	end
	tree:append_text(", " .. text:sub(5))
	return text
end

-- ---- group --------------------------------------------------------------------------------------

-- what follows the group header at least; true: nothing else may; 2: more by twos
local GRP_BODY = { [GRP_LOCATE] = CLASSIC_LEN + 16, [GRP_HEREIS] = 32, [GRP_JOINREQ] = CLASSIC_LEN,
	[GRP_JOIN] = CLASSIC_LEN + 32, [GRP_LEAVEREQ] = CLASSIC_LEN, [GRP_LEAVE] = CLASSIC_LEN,
	[GRP_BCASTREQ] = CLASSIC_LEN, [GRP_RESULT] = CLASSIC_LEN + 22 }
local GRP_CLASSIC = { [GRP_LOCATE] = true, [GRP_JOINREQ] = true, [GRP_JOIN] = true,
	[GRP_LEAVEREQ] = true, [GRP_LEAVE] = true, [GRP_BCASTREQ] = true, [GRP_BCAST] = true,
	[GRP_RESULT] = true }
local MEMBER_LEN = 28

local function looks_like_group(tvb, off, fin, total)
	if fin - off < GRP_LEN then
		return false
	end
	local kind = tvb(off, 1):uint()
	if not GRP_NAMES[kind] or kind == GRP_LOCATE or tvb(off + 1, 1):uint() > 1 or
	   tvb(off + 2, 2):uint() ~= 0 then
		return false
	end
	if kind == GRP_BCAST and total == GRP_LEN then
		return true
	end
	return total >= GRP_LEN + (GRP_BODY[kind] or kind == GRP_BCAST and CLASSIC_LEN or 0)
end

local body = {}		-- by type: what follows the headers; each returns where it ends

body[GRP_LOCATE] = function(tree, tvb, off)
	add(tree, "grp.process", tvb(off, 8))
	add(tree, "grp.address", tvb(off + 8, 8))
	return off + 16
end

body[GRP_HEREIS] = function(tree, tvb, off, fin, be)
	add(tree, "grp.max_members", tvb(off, 2), be)
	add(tree, "grp.log_history", tvb(off + 2, 2), be)
	add(tree, "grp.log_message", tvb(off + 4, 2), be)
	add(tree, "grp.resilience", tvb(off + 6, 2), be)
	add(tree, "grp.large", tvb(off + 8, 4), be)
	add(tree, "grp.index", tvb(off + 12, 2), be)
	add(tree, "grp.sequencer", tvb(off + 14, 2), be)
	add(tree, "grp.private", tvb(off + 16, 8))
	add(tree, "grp.private_all", tvb(off + 24, 8))
	return off + 32
end

body[GRP_JOIN] = function(tree, tvb, off, fin, be)
	add(tree, "grp.address", tvb(off, 8))
	off = off + 8
	local index = 0
	while fin - off >= MEMBER_LEN + 24 do
		local member = tree:add(F["grp.member"], tvb(off, MEMBER_LEN))
		member:append_text(string.format(" %d, %s", index,
			name_of(GRP_STATES, number(tvb(off + 16, 4), be))))
		add(member, "grp.address", tvb(off, 8))
		add(member, "grp.process", tvb(off + 8, 8))
		add(member, "grp.member.state", tvb(off + 16, 4), be)
		add(member, "grp.member.expect", tvb(off + 20, 4), be)
		add(member, "grp.member.messid", tvb(off + 24, 4), be)
		off = off + MEMBER_LEN
		index = index + 1
	end
	add(tree, "grp.private_all", tvb(off, 8))
	add(tree, "grp.total", tvb(off + 8, 2), be)
	add(tree, "grp.sequencer", tvb(off + 10, 2), be)
	add(tree, "grp.next", tvb(off + 12, 4), be)
	add(tree, "grp.new_incarnation", tvb(off + 16, 2), be)
	add(tree, "grp.resilience", tvb(off + 18, 2), be)
	add(tree, "grp.large", tvb(off + 20, 4), be)
	return off + 24
end

body[GRP_RESULT] = function(tree, tvb, off, fin, be)
	while fin - off >= 4 + 22 do
		add(tree, "grp.member.state", tvb(off, 4), be)
		off = off + 4
	end
	add(tree, "grp.private", tvb(off, 8))
	add(tree, "grp.private_all", tvb(off + 8, 8))
	add(tree, "grp.total", tvb(off + 16, 2), be)
	add(tree, "grp.sequencer", tvb(off + 18, 2), be)
	add(tree, "grp.new_incarnation", tvb(off + 20, 2), be)
	return off + 22
end

body[GRP_SYNC] = function(tree, tvb, off, fin, be)
	while fin - off >= 2 do
		add(tree, "grp.sync", tvb(off, 2), be)
		off = off + 2
	end
	return off
end

local function group_header(tree, tvb, off, be, kind)
	local item = add(tree, "grp.type", tvb(off, 1))
	add_flags(tree, "grp.flags", tvb(off + 1, 1), GRP_FLAGS)
	add(tree, "grp.reserved", tvb(off + 2, 2), be)
	add(tree, "grp.cpu", tvb(off + 4, 2), be)
	add(tree, "grp.incarnation", tvb(off + 6, 2), be)
	local seqno = add(tree, "grp.seqno", tvb(off + 8, 4), be)
	add(tree, "grp.messid", tvb(off + 12, 4), be)
	add(tree, "grp.expect", tvb(off + 16, 4), be)
	if kind == GRP_ALIVEREQ then
		local how = ({ "point-to-point", "broadcast" })[number(tvb(off + 8, 4), be)]
		seqno:append_text(how and " (" .. how .. ")" or "")
	elseif kind == GRP_VOTE then
		local vote = GRP_VOTES[number(tvb(off + 8, 4), be)]
		seqno:append_text(vote and " (" .. vote .. ")" or "")
	end
	return item
end

local function dissect_group(p, tvb, off, fin, whole)
	local tree = p.tree:add(F["grp"], tvb(off, math.min(fin, tvb:len()) - off))
	local total = whole and fin - off or p.total

	p.protocol = "FLIP/GRP"
	if not room(tree, tvb, off, GRP_LEN, fin, "group header") then
		return
	end
	local kind, flags = tvb(off, 1):uint(), tvb(off + 1, 1):uint()
	local be = has(flags, 0x01)
	local item = group_header(tree, tvb, off, be, kind)
	local text = string.format("GRP %s f=%s cpu=%d inc=%d seq=%d mid=%d exp=%d",
		name_of(GRP_NAMES, kind), (flags_text(flags, GRP_FLAGS)),
		number(tvb(off + 4, 2), be), number(tvb(off + 6, 2), be),
		number(tvb(off + 8, 4), be), number(tvb(off + 12, 4), be),
		number(tvb(off + 16, 4), be))
	local least = GRP_LEN + (GRP_BODY[kind] or 0)
	local classic = GRP_CLASSIC[kind]

	off = off + GRP_LEN
	if not GRP_NAMES[kind] then
		complain(item, "bad.type", "Unknown group message type %d", kind)
	elseif kind == GRP_BCAST and total == GRP_LEN then
		item:append_text(" (accept: the data were sent by the member)")
		classic = false
	elseif total < least or kind == GRP_BCAST and total < GRP_LEN + CLASSIC_LEN then
		complain(item, "bad.length", "%s of %d bytes", GRP_NAMES[kind], total)
		classic = false
	end
	if classic then
		if room(tree, tvb, off, CLASSIC_LEN, fin, "classic header") then
			dissect_classic(tree, tvb, off, be, false)
			if kind == GRP_LOCATE then
				text = text .. " port=" .. hex(tvb(off, 6))
			end
		end
		off = off + CLASSIC_LEN
	end
	if body[kind] and whole and total >= least and fin <= tvb:len() then
		off = body[kind](tree, tvb, off, fin, be)
	end
	add_bytes(tree, whole and "data" or "fragment.data", tvb, off, fin)
	tree:append_text(", " .. text:sub(5))
	return text
end

-- ---- the payload of FLIP ------------------------------------------------------------------------

-- Unicasts do not say what they are. It is told from their form, and where that fits both from what
-- the addresses were seen to do.
local function kind_of_unicast(p, tvb, off, fin)
	local rpc = looks_like_rpc(tvb, off, fin, p.total)
	local grp = looks_like_group(tvb, off, fin, p.total)
	local known = S.kinds[p.src] or S.kinds[p.dst]

	if p.type == MULTIDATA then
		return grp and "GRP" or known == "GRP" and known
	elseif rpc and grp then
		return known or "RPC"
	elseif rpc then
		return "RPC"
	elseif grp then
		return "GRP"
	end
	return known
end

local function learn(p, kind)
	for _, address in ipairs({ p.src, p.dst }) do
		if address ~= NULL then
			S.kinds[address] = S.kinds[address] or kind
		end
	end
end

-- What is in the message, of which off to fin is the whole or the first packet; text for the line
local function dissect_message(p, tvb, off, fin, whole)
	local frame = p.frame
	local kind

	if fin > tvb:len() then
		complain(p.tree, "note.cut", "Not captured whole")
		if off >= tvb:len() then
			return
		end
	end
	if p.type == MULTIDATA and p.dst == NULL then
		if not room(p.tree, tvb, off, 4, fin, "protocol number") then
			return
		end
		local protocol = tvb(off, 4):uint()
		local item = add(p.tree, "protocol", tvb(off, 4))
		off = off + 4
		if p.total and not whole then
			p.total = p.total - 4
		end
		kind = protocol == PROTO_RPC and "RPC" or protocol == PROTO_GRP and "GRP"
		if not kind then
			complain(item, "note.protocol", "Unknown protocol %d", protocol)
		end
	elseif frame.first then
		kind = kind_of_unicast(p, tvb, off, math.min(fin, tvb:len()))
		frame.kind = kind
	else
		kind = frame.kind
	end
	if kind and frame.first then
		learn(p, kind)
	end
	if kind and off < fin and off < tvb:len() then
		return (kind == "RPC" and dissect_rpc or dissect_group)(p, tvb, off, fin, whole)
	end
	add_bytes(p.tree, whole and "data" or "fragment.data", tvb, off, fin)
end

-- ---- messages of several packets ----------------------------------------------------------------
--
-- A message: total, ranges (sorted, apart) of the bytes that were seen, pieces with their data
-- until it is whole, data then, frames of its packets.

-- Enter lo to hi into sorted ranges that do not touch; were some, or all, of these bytes there?
local function cover(ranges, lo, hi)
	local i = #ranges
	while i > 0 and ranges[i].lo > hi do
		i = i - 1
	end
	-- i is the last one that may touch
	local some, all = false, false
	while i > 0 and ranges[i].hi >= lo do
		local r = table.remove(ranges, i)
		some = some or lo < r.hi and r.lo < hi
		all = all or r.lo <= lo and hi <= r.hi
		lo, hi = math.min(lo, r.lo), math.max(hi, r.hi)
		i = i - 1
	end
	table.insert(ranges, i + 1, { lo = lo, hi = hi })
	return some, all
end

local function put_together(message)
	local parts, at = {}, 0
	table.sort(message.pieces, function(a, b) return a.lo < b.lo end)
	for _, piece in ipairs(message.pieces) do
		local skip = at - piece.lo
		if skip < #piece.data then
			parts[#parts + 1] = skip > 0 and piece.data:sub(skip + 1) or piece.data
			at = piece.lo + #piece.data
		end
	end
	message.data = table.concat(parts)
end

-- This frame has bytes off to off + p.length of @tvb for a message: enter them
local function collect(p, tvb, off)
	local frame = p.frame
	local key = p.type .. p.src .. p.dst .. "/" .. p.messid
	local message = S.messages[key]

	if message and message.total ~= p.total then
		frame.other_total = message.total
		message = nil
	end
	if not message then
		message = { total = p.total, ranges = {}, pieces = {}, frames = {}, next = 0,
			    keep = flip.prefs.reassemble and
				   p.total <= flip.prefs.reassemble_max * 1024 }
		S.messages[key] = message
	end
	frame.message = message
	if message.whole then
		return
	end
	local hi = p.offset + p.length
	local some, all = cover(message.ranges, p.offset, hi)
	if all then
		return
	end
	frame.overlap = some
	frame.order = p.offset ~= message.next
	message.next = hi
	message.frames[#message.frames + 1] = frame.number
	if off + p.length > tvb:len() then
		message.keep = false		-- some of it was not captured
	end
	if message.keep then
		table.insert(message.pieces,
			     { lo = p.offset, data = tvb:raw(off, p.length) })
	else
		message.pieces = {}
	end
	local r = message.ranges[1]
	if #message.ranges == 1 and r.lo == 0 and r.hi == p.total then
		message.whole = frame
		if message.keep then
			put_together(message)
		end
		message.pieces = nil
	end
end

-- the links of a packet to the others of its message, and the whole of it in the last one
local function show_message(p)
	local frame, tree = p.frame, p.tree
	local message = frame.message

	if frame.other_total then
		complain(tree, "note.total", "Total %d, earlier packets of the message: %d", p.total,
			 frame.other_total)
	end
	if frame.overlap then
		complain(tree, "note.overlap", "Overlaps an earlier packet of the message")
	end
	if frame.order then
		complain(tree, "note.order",
			 "Not in order: a receiver of the original drops the message")
	end
	if message.whole and message.whole ~= frame then
		generated(tree, "reassembled_in", message.whole.number)
	end
	if message.whole ~= frame then
		return
	end
	generated(tree, "fragment.count", #message.frames)
	generated(tree, "reassembled.length", message.total)
	for _, n in ipairs(message.frames) do
		generated(tree, "fragment", n)
	end
	if message.rpc and not message.rpc.whole then
		message.rpc.whole = frame
	end
	if not message.data then
		complain(tree, "note.cut",
			 "Not put together: larger than preferred, or not captured whole")
		return
	end
	return dissect_message(p, ByteArray.new(message.data, true):tvb("FLIP message"), 0,
			       message.total, true)
end

-- ---- the FLIP header ----------------------------------------------------------------------------

local function check_header(p, item)
	if p.act > p.max then
		complain(item.max, "bad.hops", "Actual hop count %d exceeds maximum %d", p.act, p.max)
	end
	local most = p.type == LOCATE and MAX_HOPS + 1 or MAX_HOPS
	if p.max > most then
		complain(item.max, "bad.hops", "Maximum hop count %d exceeds %d", p.max, most)
	end
	if p.offset + p.length > p.total then
		complain(item.total, "bad.bounds", "Offset %d and length %d exceed total %d", p.offset,
			 p.length, p.total)
	elseif p.total > MAX_TOTAL then
		complain(item.total, "bad.bounds", "Total %d exceeds 1 GiB", p.total)
	elseif p.length == 0 and p.total > 0 then
		complain(item.length, "bad.bounds", "Empty packet of a message that is not")
	end
	if not TYPE_NAMES[p.type] then
		complain(item.type, "bad.type", "Unknown FLIP type %d", p.type)
	elseif p.type == LOCATE and (p.dst == NULL or p.src == NULL) then
		complain(item.type, "bad.address", "LOCATE %s the null address",
			 p.dst == NULL and "of" or "from")
	end
end

local function dissect_hereis(p, tvb, off, fin, item)
	if p.length ~= 4 then
		complain(item.length, "bad.hereis", "HEREIS with %d bytes, not 4", p.length)
		add_bytes(p.tree, "data", tvb, off, fin)
		return
	end
	if not room(p.tree, tvb, off, 4, fin, "HEREIS") then
		return
	end
	local count, trusted = number(tvb(off, 2), p.be), number(tvb(off + 2, 2), p.be)
	local tree = add(p.tree, "hereis.count", tvb(off, 2), p.be)
	add(p.tree, "hereis.trusted", tvb(off + 2, 2), p.be)
	if count == 0 or trusted > count then
		complain(tree, "bad.hereis", "%d destinations, %d of them trusted", count, trusted)
	end
	p.info = string.format("%s count=%d trusted=%d", p.info, count, trusted)
end

-- The packet is seen for the first time: has it been seen before, what does it answer?
local function enter_packet(p, pinfo)
	local frame = p.frame
	local addresses = p.src .. p.dst .. "/" .. p.messid
	local key = p.type .. addresses .. "/" .. p.offset .. "/" .. p.length
	local way = tostring(pinfo.dl_src) .. ">" .. tostring(pinfo.dl_dst) .. p.act
	local before = S.packets[key]

	frame.way = way
	if p.type == HEREIS then
		-- several machines may give the same answer
		key = key .. way
		before = S.packets[key]
		answer(frame, S.asked["L" .. addresses])
	elseif p.type == LOCATE then
		ask(frame, "L" .. addresses)
	elseif p.bounced then
		answer(frame, S.packets[UNIDATA .. addresses .. "/" .. p.offset .. "/" .. p.length])
	end
	if before then
		frame.copy_of = before
		frame.same_way = before.way == way
	else
		S.packets[key] = frame
	end
end

local function dissect_header(p, tvb, off)
	local tree, item = p.tree, {}
	local be = has(tvb(off + 2, 1):uint(), 0x01)

	p.be = be
	local version = add(tree, "version", tvb(off, 1))
	item.type = add(tree, "type", tvb(off + 1, 1))
	local flags
	item.flags, flags = add_flags(tree, "flags", tvb(off + 2, 1), FLAGS)
	add(tree, "reserved", tvb(off + 3, 1))
	add(tree, "hops", tvb(off + 4, 2), be)
	item.max = add(tree, "hops_max", tvb(off + 6, 2), be)
	local dst = add(tree, "dst", tvb(off + 8, 8))
	local src = add(tree, "src", tvb(off + 16, 8))
	add(tree, "messid", tvb(off + 24, 4), be)
	item.length = add(tree, "length", tvb(off + 28, 4), be)
	add(tree, "offset", tvb(off + 32, 4), be)
	item.total = add(tree, "total", tvb(off + 36, 4), be)

	p.type = tvb(off + 1, 1):uint()
	p.act, p.max = number(tvb(off + 4, 2), be), number(tvb(off + 6, 2), be)
	p.dst, p.src = hex(tvb(off + 8, 8)), hex(tvb(off + 16, 8))
	p.messid, p.length = number(tvb(off + 24, 4), be), number(tvb(off + 28, 4), be)
	p.offset, p.total = number(tvb(off + 32, 4), be), number(tvb(off + 36, 4), be)
	p.bounced = p.type == NOTHERE or p.type == UNTRUSTED
	if p.dst == NULL then
		dst:append_text(" (broadcast)")
	end
	if p.src == NULL then
		src:append_text(" (anonymous)")
	end
	p.info = string.format("cr=%d%s %s f=%s hop=%d/%d%s mid=%d len=%d off=%d tot=%d",
		p.count % 128, p.count >= 128 and " ours" or "", name_of(TYPE_NAMES, p.type), (flags_text(flags, FLAGS)), p.act, p.max,
		be and " BE" or "", p.messid, p.length, p.offset, p.total)

	check_header(p, item)
	local fine = p.offset + p.length <= p.total
	if tvb(off, 1):uint() ~= 1 then
		complain(version, "bad.version", "Version %d, not 1", tvb(off, 1):uint())
		fine = false
	end
	if has(flags, 0x02) then
		complain(item.flags, "bad.flags", "CODEFIELD: a variable part that nobody defines")
		fine = false
	end
	return item, fine
end

-- data, or a bounced packet
local function dissect_payload(p, tvb, off, fin)
	local texts = {}

	if p.length < p.total then
		if p.frame.first then
			collect(p, tvb, off)
		end
		if p.offset == 0 and off < tvb:len() then
			texts[1] = dissect_message(p, tvb, off, fin, false)
		else
			add_bytes(p.tree, "fragment.data", tvb, off, fin)
		end
		local text = show_message(p)
		if text then
			texts[#texts + 1] = "whole: " .. text
		end
	elseif p.length > 0 then
		texts[1] = dissect_message(p, tvb, off, fin, true)
	end
	for _, text in ipairs(texts) do
		p.info = p.info .. " | " .. text
	end
end

local function dissect_flip(p, pinfo, tvb, off)
	local fin = tvb:reported_len()

	if not room(p.tree, tvb, off, HDR_LEN, fin, "FLIP header") then
		p.info = "FLIP header cut short"
		return
	end
	local item, fine = dissect_header(p, tvb, off)
	off = off + HDR_LEN
	if off + p.length > fin then
		complain(item.length, "bad.truncated", "Cut short: length %d, but %d bytes are there",
			 p.length, fin - off)
		add_bytes(p.tree, "data", tvb, off, fin)
		return
	end
	add_bytes(p.tree, "pad", tvb, off + p.length, fin)
	fin = off + p.length
	if fine and p.frame.first then
		enter_packet(p, pinfo)
	end
	if not fine or p.type == LOCATE or not TYPE_NAMES[p.type] then
		add_bytes(p.tree, "data", tvb, off, fin)
	elseif p.type == HEREIS then
		dissect_hereis(p, tvb, off, fin, item)
	else
		dissect_payload(p, tvb, off, fin)
	end
	if p.bounced then
		complain(item.type, "note.bounced", "%s: came back undelivered",
			 TYPE_NAMES[p.type])
	end
	if p.frame.copy_of then
		generated(p.tree, "copy_of", p.frame.copy_of.number)
		if p.frame.same_way then
			complain(p.tree, "note.copy", "Duplicate of frame %d",
				 p.frame.copy_of.number)
		end
	end
end

-- ---- the control header -------------------------------------------------------------------------

local PAYLOAD_MIN, PAYLOAD_MAX = 214, 65493	-- MTUs of 256 and 65535
local CONTROL_LEN = { [MCREQ] = 16, [MCACK] = 8, [MCNAK] = 8 }
local GIVES_CREDIT = { [DATA] = true, [CREDIT] = true, [ABSCREDIT] = true }

local function enter_control(p, pinfo, kind, address)
	local from, to = tostring(pinfo.dl_src), tostring(pinfo.dl_dst)
	local frame = p.frame

	-- a question may be repeated: the answer is to the last one
	if kind == MCREQ then
		S.asked["M" .. from .. to .. address] = frame
	elseif kind == MCACK or kind == MCNAK then
		answer(frame, S.asked["M" .. to .. from .. address])
	elseif kind == REQCREDIT then
		S.asked["C" .. from .. to] = frame
		S.asked["C" .. from] = frame
	elseif kind == ABSCREDIT then
		-- one that was sent to a group's MAC is answered from another
		answer(frame, S.asked["C" .. to .. from] or S.asked["C" .. to])
	end
end

local function dissect_control(p, pinfo, tvb, kind)
	local n, address = CONTROL_LEN[kind] or 0, ""
	local off, fin = FC_LEN, tvb:reported_len()

	p.info = string.format("FC %s cnt=%d", FC_NAMES[kind] or "fc " .. kind, p.count)
	if n > 0 then
		if not room(p.tree, tvb, off, n, fin, FC_NAMES[kind]) then
			return
		end
		address = hex(tvb(off + n - 8, 8))
		if kind == MCREQ then
			add(p.tree, "mc.location", tvb(off, 8))
			p.info = p.info .. " mc location=" .. hex(tvb(off, 8))
		end
		local item = add(p.tree, "mc.address", tvb(off + n - 8, 8))
		p.info = p.info .. " flip addr=" .. address
		if kind == MCNAK then
			complain(item, "note.multicast", "Refused to listen to the multicast address")
		end
	end
	-- our kind: padding everywhere else, and mostly zero
	if (kind == CREDIT or kind == ABSCREDIT) and tvb:len() >= off + 4 then
		local takes = tvb(off, 4):le_uint()
		if takes >= PAYLOAD_MIN and takes <= PAYLOAD_MAX then
			p.tree:add_le(F["fc.payload"], tvb(off, 4))
			p.info = p.info .. " takes " .. takes
			n = 4
		end
	end
	add_bytes(p.tree, "pad", tvb, off + n, fin)
	if p.frame.first and FC_NAMES[kind] then
		enter_control(p, pinfo, kind, address)
	end
end

function flip.dissector(tvb, pinfo, root)
	pinfo.cols.protocol = "FLIP"
	if tvb:len() < FC_LEN then
		local tree = root:add(flip)
		complain(tree, tvb:reported_len() < FC_LEN and "bad.truncated" or "note.cut",
			 "Control header needs %d bytes, there are %d", FC_LEN, tvb:len())
		pinfo.cols.info = "control header cut short"
		return 0
	end
	local n = pinfo.number
	local frame = S.frames[n]
	local first = not frame
	if first then
		frame = { number = n, time = pinfo.rel_ts }
		S.frames[n] = frame
	end
	frame.first = first
	local tree = root:add(flip, tvb())
	local kind = tvb(0, 1):uint()
	local fc = tree:add(F["fc"], tvb(0, FC_LEN))
	local item = add(fc, "fc.type", tvb(0, 1))
	local count = add(fc, "fc.count", tvb(1, 1))
	local p = { tree = tree, frame = frame, count = tvb(1, 1):uint(), protocol = "FLIP" }

	fc:append_text(string.format(", %s, count %d", name_of(FC_NAMES, kind), p.count))
	local credits = p.count
	if kind == DATA then
		-- our kind say so here; originals never give back that much
		count:add(F["fc.ours"], tvb(1, 1))
		credits = credits % 128
	end
	if not FC_NAMES[kind] then
		complain(item, "bad.type", "Unknown control type %d", kind)
	elseif GIVES_CREDIT[kind] and credits > CREDITS then
		complain(count, "note.credits", "%d credits, no window is larger than %d", credits,
			 CREDITS)
	end
	if kind == DATA then
		dissect_flip(p, pinfo, tvb, FC_LEN)
	else
		dissect_control(p, pinfo, tvb, kind)
	end
	show_answers(tree, frame)
	tree:append_text(", " .. (p.info or ""))
	pinfo.cols.protocol = p.protocol
	pinfo.cols.info = p.info
	return tvb:len()
end

-- ---- UDP overlays ------------------------------------------------------------------------------

local UDP_PORT = 8146		-- another: Decode As
local UDP_LEN, UDP_VERSION = 4, 1

local overlay = Proto("amflip_udp", "FLIP over UDP")
local udp_version = ProtoField.uint8("amflip_udp.version", "Version")
local udp_type = ProtoField.uint8("amflip_udp.type", "Control type", base.DEC, FC_NAMES)
local udp_count = ProtoField.uint16("amflip_udp.count", "Count")
overlay.fields = { udp_version, udp_type, udp_count }

-- the same as in a frame, behind two bytes as there
function overlay.dissector(tvb, pinfo, root)
	if tvb:len() < UDP_LEN or tvb(0, 1):uint() ~= UDP_VERSION or tvb(2, 1):uint() ~= 0 then
		return 0
	end
	local tree = root:add(overlay, tvb(0, UDP_LEN))
	tree:add(udp_version, tvb(0, 1))
	tree:add(udp_type, tvb(1, 1))
	tree:add(udp_count, tvb(2, 2))
	local frame = tvb(1, 1):bytes() .. tvb(3):bytes()
	flip.dissector(frame:tvb("FLIP"), pinfo, root)
	return tvb:len()
end

DissectorTable.get("ethertype"):add(ETHERTYPE, flip)
DissectorTable.get("udp.port"):add(UDP_PORT, overlay)
