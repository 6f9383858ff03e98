-- kith in Wireshark and tshark: what a channel shows to the network, field by field, as
-- kith-protocol(7) has it.
--
--   tshark -X lua_script:kith.lua -r FILE -Y kith
--
-- or for good: a copy in the folder of "Personal Lua Plugins" (Help, About, Folders). A channel is
-- found by its first message, at whatever port, if that is in the capture; "Decode As" does for
-- one that has a header of the PROXY protocol before it.
--
-- Nobody but the two peers has the keys, so of a message no more is seen than its length: which
-- one is an end or a receipt, and what is a record of a channel that is kept, can be guessed by that.

local kith = Proto("kith", "kith channel")

local FRAME_HEAD = 4
local KEY, SIGNATURE, AUTHENTICATOR, DIGEST = 32, 64, 16, 32
local HELLO_LEAST = 3 * KEY + SIGNATURE + 2
local MESSAGE_MOST = 16 * 1024 * 1024 + AUTHENTICATOR
local RECORD_MOST = 65

local f = {
    length = ProtoField.uint32("kith.length", "Length of the frame"),
    kind = ProtoField.string("kith.kind", "Kind"),
    recipient = ProtoField.bytes("kith.recipient", "Recipient (Ed25519)"),
    ephemeral = ProtoField.bytes("kith.ephemeral", "Ephemeral key (X25519)"),
    timestamp = ProtoField.absolute_time("kith.timestamp", "Timestamp", base.UTC),
    tag = ProtoField.bytes("kith.tag", "Continuation tag (SHA-256 of the first hello)"),
    signer = ProtoField.bytes("kith.signer", "Signer (Ed25519)"),
    signature = ProtoField.bytes("kith.signature", "Signature (Ed25519)"),
    confirmation = ProtoField.bytes("kith.confirmation", "Confirmation (ChaCha20-Poly1305)"),
    plaintext = ProtoField.uint32("kith.plaintext", "Bytes of plaintext"),
    sealed = ProtoField.bytes("kith.sealed", "Sealed message"),
}
kith.fields = f

local malformed = ProtoExpert.new("kith.malformed", "Not what stands here in a channel",
    expert.group.MALFORMED, expert.severity.ERROR)
kith.experts = { malformed }

local tcp_stream = Field.new("tcp.stream")

-- By number of the TCP stream: who called, and which frames are its handshake.
local channels = {}

function kith.init()
    channels = {}
end

-- A varint at this place: its value and its length; nothing if it is none.
local function varint(tvb, at)
    local value, factor = 0, 1
    for length = 1, 10 do
        if at + length > tvb:len() then
            return
        end
        local byte = tvb(at + length - 1, 1):uint()
        value = value + (byte % 128) * factor
        factor = factor * 128
        if byte < 128 then
            if byte ~= 0 or length == 1 then
                return value, length
            end
            return
        end
    end
end

-- The places of what is in a hello at the beginning of tvb, and its length; nothing if it is none.
local function hello_in(tvb)
    if tvb:len() < HELLO_LEAST then
        return
    end
    local ms, length = varint(tvb, 2 * KEY)
    if not ms then
        return
    end
    local at = 2 * KEY + length
    local hello = { ms = ms, timestamp = tvb(2 * KEY, length) }
    local option = at < tvb:len() and tvb(at, 1):uint() or 2
    at = at + 1
    if option > 1 or at + option * DIGEST + KEY + SIGNATURE > tvb:len() then
        return
    end
    if option == 1 then
        hello.tag = tvb(at, DIGEST)
        at = at + DIGEST
    end
    hello.signer = tvb(at, KEY)
    hello.signature = tvb(at + KEY, SIGNATURE)
    hello.length = at + KEY + SIGNATURE
    return hello
end

local function add_hello(tvb, tree)
    local hello = hello_in(tvb)
    if not hello then
        tree:add_proto_expert_info(malformed)
        return tvb:len()
    end
    tree:add(f.recipient, tvb(0, KEY))
    tree:add(f.ephemeral, tvb(KEY, KEY))
    if hello.ms < 2 ^ 42 then -- until 2109, which is what a display of times can do
        local seconds = math.floor(hello.ms / 1000)
        tree:add(f.timestamp, hello.timestamp, NSTime.new(seconds, hello.ms % 1000 * 1000000))
    else
        tree:add(hello.timestamp, string.format("Timestamp: %.0f ms since 1970", hello.ms))
    end
    if hello.tag then
        tree:add(f.tag, hello.tag)
    end
    tree:add(f.signer, hello.signer)
    tree:add(f.signature, hello.signature)
    return hello.length
end

local function add_confirmation(tvb, at, tree)
    if tvb:len() - at ~= AUTHENTICATOR then
        tree:add_proto_expert_info(malformed)
        return
    end
    tree:add(f.confirmation, tvb(at, AUTHENTICATOR))
end

-- Each kind of frame: adds what is in it, and returns what it is called.
local kinds = {}

function kinds.hello(tvb, tree)
    if add_hello(tvb, tree) ~= tvb:len() then
        tree:add_proto_expert_info(malformed)
    end
    return "Hello"
end

function kinds.answer(tvb, tree)
    add_confirmation(tvb, add_hello(tvb, tree), tree)
    return "Answer"
end

function kinds.confirmation(tvb, tree)
    add_confirmation(tvb, 0, tree)
    return "Confirmation"
end

function kinds.message(tvb, tree)
    local plaintext = tvb:len() - AUTHENTICATOR
    if plaintext < 0 then
        tree:add_proto_expert_info(malformed)
        return "No message"
    end
    tree:add(f.plaintext, tvb(), plaintext):set_generated()
    tree:add(f.sealed, tvb())
    if plaintext == 0 then
        return "Empty message: an end or a receipt"
    elseif plaintext <= RECORD_MOST then
        return string.format("Message, %d bytes: data, or a record", plaintext)
    end
    return string.format("Message, %d bytes", plaintext)
end

-- Which of them this frame is: by who says it, and what that side has said before. It is asked
-- several times, and has to say the same each time.
local function kind_of(tvb, pinfo)
    local number = tcp_stream().value
    local channel = channels[number]
    local from = tostring(pinfo.src) .. " " .. pinfo.src_port
    local this = pinfo.number .. " " .. tvb:offset() .. " " .. tvb:len()

    if not channel then
        channel = { dialer = from }
        channels[number] = channel
    end
    for _, kind in ipairs(from == channel.dialer and { "hello", "confirmation" } or { "answer" }) do
        channel[kind] = channel[kind] or this
        if channel[kind] == this then
            return kind
        end
    end
    return "message"
end

local function frame_length(tvb, _, at)
    local length = tvb(at, FRAME_HEAD):uint()
    return length > MESSAGE_MOST and tvb:len() - at or FRAME_HEAD + length
end

local function dissect_frame(tvb, pinfo, tree)
    local branch = tree:add(kith, tvb())
    local length = tvb(0, FRAME_HEAD):uint()
    pinfo.cols.protocol = "kith"
    branch:add(f.length, tvb(0, FRAME_HEAD))
    if length == 0 or length ~= tvb:len() - FRAME_HEAD then
        branch:add_proto_expert_info(malformed)
        return tvb:len()
    end
    local kind = kind_of(tvb, pinfo)
    branch:add(f.kind, kind):set_generated()
    local name = kinds[kind](tvb(FRAME_HEAD):tvb(), branch)
    branch:append_text(", " .. name)
    pinfo.cols.info:append((tostring(pinfo.cols.info) == "" and "" or "; ") .. name)
    return tvb:len()
end

function kith.dissector(tvb, pinfo, tree)
    pinfo.cols.info = ""
    dissect_tcp_pdus(tvb, tree, FRAME_HEAD, frame_length, dissect_frame)
    return tvb:len()
end

-- A first message that is a hello of these years, and nothing more.
local function begins_channel(tvb, pinfo, tree)
    if tvb:len() < FRAME_HEAD + HELLO_LEAST then
        return false
    end
    local length = tvb(0, FRAME_HEAD):uint()
    if length ~= tvb:len() - FRAME_HEAD then
        return false
    end
    local hello = hello_in(tvb(FRAME_HEAD):tvb())
    if not hello or hello.length ~= length or hello.ms < 2 ^ 40 or hello.ms > 2 ^ 42 then
        return false
    end
    pinfo.conversation = kith
    kith.dissector(tvb, pinfo, tree)
    return true
end

kith:register_heuristic("tcp", begins_channel)
DissectorTable.get("tcp.port"):add_for_decode_as(kith)
