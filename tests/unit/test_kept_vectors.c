/*
 * Kept channels, byte for byte: the namespaces and the records of tests/vectors/kept.json, which
 * were written from kith-protocol(7) alone. test_vectors.c has its handshakes.
 */
#include "protocol/kind.h"
#include "protocol/record.h"
#include "tap.h"
#include "vectors.h"

static void check_namespace(const char *vector, const char *member, enum channel_kind kind)
{
    struct bytes base = json_bytes(json_member(vector, "base"));
    struct bytes expected = json_bytes(json_member(vector, member));
    struct kind_namespace made;

    kind_namespace(&made, &(struct namespace){base.at, base.len}, kind);
    CHECK(made.len == expected.len && memcmp(made.bytes, expected.at, made.len) == 0,
          "%s of a namespace of %zu bytes", member, base.len);
}

static void check_record(const char *vector)
{
    struct bytes bytes = json_bytes(json_member(vector, "bytes"));
    struct bytes given = json_bytes(json_member(vector, "name"));
    struct record record;
    uint8_t again[RECORD_MAX];
    enum kith_error error = record_read(&record, bytes.at, bytes.len);

    CHECK(error == OK && (uint64_t)record.type == json_number(json_member(vector, "type")) &&
              (uint64_t)record.reason == json_number(json_member(vector, "reason")) &&
              strlen(record.name) == given.len && memcmp(record.name, given.at, given.len) == 0,
          "a record of type %d and %zu bytes is read", (int)record.type, bytes.len);
    CHECK(error == OK && record_write(again, &record) == bytes.len &&
              memcmp(again, bytes.at, bytes.len) == 0,
          "and written");
}

static void check_refused(const char *value)
{
    struct bytes bytes = json_bytes(value);
    struct record record;

    CHECK(record_read(&record, bytes.at, bytes.len) == ERR_RECORD && record.type == RECORD_NONE,
          "%zu bytes that begin with %d are no record", bytes.len, bytes.at[0]);
}

int main(void)
{
    char *text = vectors_read("tests/vectors/kept.json");
    const char *file = json_blank(text), *value;

    for (size_t i = 0; (value = json_element(json_member(file, "namespaces"), i)) != NULL; i++) {
        check_namespace(value, "base", KIND_PLAIN);
        check_namespace(value, "kept", KIND_KEPT);
        check_namespace(value, "kept_back", KIND_KEPT_BACK);
    }
    for (size_t i = 0; (value = json_element(json_member(file, "records"), i)) != NULL; i++)
        check_record(value);
    for (size_t i = 0; (value = json_element(json_member(file, "no_records"), i)) != NULL; i++)
        check_refused(value);
    free(text);
    return tap_done();
}
