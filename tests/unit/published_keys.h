/*
 * Keys for tests, made with ssh-keygen and openssl. They are published here, private ones too:
 * never use one of them for anything else.
 */
#ifndef KITH_PUBLISHED_KEYS_H
#define KITH_PUBLISHED_KEYS_H

/* ssh-keygen -t ed25519, without a comment: its seed, its public key, and both as files. */
#define OPENSSH_SEED "9b57c4e925333c2907d77c1f0328035ebf13ce9ac7d8309a105c23ea04f7b0ca"
#define OPENSSH_PUBLIC "e0edf09bbb6130fc1ba93f136ed880f83b6b4aaf73c049c6245f1122b79ac75c"
#define OPENSSH_PUBLIC_LINE                                                                        \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc"
#define OPENSSH_PRIVATE                                                                            \
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"                                                        \
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"                     \
    "QyNTUxOQAAACDg7fCbu2Ew/BupPxNu2ID4O2tKr3PAScYkXxEit5rHXAAAAIhYUwX/WFMF\n"                     \
    "/wAAAAtzc2gtZWQyNTUxOQAAACDg7fCbu2Ew/BupPxNu2ID4O2tKr3PAScYkXxEit5rHXA\n"                     \
    "AAAECbV8TpJTM8KQfXfB8DKANevxPOmsfYMJoQXCPqBPewyuDt8Ju7YTD8G6k/E27YgPg7\n"                     \
    "a0qvc8BJxiRfESK3msdcAAAAAAECAwQF\n"                                                           \
    "-----END OPENSSH PRIVATE KEY-----\n"

/* ssh-keygen -t ed25519 -N pass */
#define OPENSSH_ENCRYPTED                                                                          \
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"                                                        \
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAlBMfMCe\n"                     \
    "VZaCC6w0yAk33/AAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAILc7yzJz87+ZgYja\n"                     \
    "Wt3tuZaxB21c6DZhqxjqgVtSu1jvAAAAkKSbeV3JA7o3puSeR4Hr3yfyI+oC4lFNLyhKmj\n"                     \
    "hvtjoiWYl4ZWBvhWRmXdCBwiIyCCUl5TBwqPCTkWh58pysERJWKmQYFLg2hiqwG2anoGgK\n"                     \
    "dhAIfXjpWRdVJzbp13xyKr4PE2zZR9GITgeslXPjhNsvuiKreHmKYh7/oMRZrnf2bloHWq\n"                     \
    "ftrRkAqoGmH1I3/w==\n"                                                                         \
    "-----END OPENSSH PRIVATE KEY-----\n"

/* ssh-keygen -t ecdsa */
#define OPENSSH_ECDSA                                                                              \
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"                                                        \
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"                     \
    "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQTD/FgyH5RdKIfiKi8TR4JHviJJLDy5\n"                     \
    "ggijE5aiuRxAzoy7Xx1B1m1GhA0RoCVYBvT3ynNtHFrcfL2wU5PAGx38AAAAoHcx66t3Me\n"                     \
    "urAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMP8WDIflF0oh+Iq\n"                     \
    "LxNHgke+IkksPLmCCKMTlqK5HEDOjLtfHUHWbUaEDRGgJVgG9PfKc20cWtx8vbBTk8AbHf\n"                     \
    "wAAAAgB7VmijuvnYJnDQ3pYKa10GGot/LZzyQyoCqIkI0E9T4AAAACZWMBAgMEBQY=\n"                         \
    "-----END OPENSSH PRIVATE KEY-----\n"

#define OPENSSH_ECDSA_LINE                                                                         \
    "ecdsa-sha2-nistp256 "                                                                         \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMP8WDIflF0oh+IqLxNHgke+"                 \
    "IkksPLmCCKMTlqK5HEDOjLtfHUHWbUaEDRGgJVgG9PfKc20cWtx8vbBTk8AbHfw="

/* openssl genpkey -algorithm ed25519: its seed, its public key, and both as files. */
#define PKCS8_SEED "29d9ecd6d652249ef070ea67e6a06141b0acecd4c525b733e4c8f3b7a5c0d168"
#define PKCS8_PUBLIC "dc4a826f7b04127b378303d652c43f516548988807e96917b3a42a587da10fec"
#define PKCS8_PRIVATE                                                                              \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VwBCIEICnZ7NbWUiSe8HDqZ+agYUGwrOzUxSW3M+TI87elwNFo\n"                           \
    "-----END PRIVATE KEY-----\n"
#define PKCS8_PUBLIC_PEM                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA3EqCb3sEEns3gwPWUsQ/UWVImIgH6WkXs6QqWH2hD+w=\n"                               \
    "-----END PUBLIC KEY-----\n"

/* The same: openssl pkcs8 -topk8 -iter 1000, with the passphrase "secret". */
#define PKCS8_ENCRYPTED                                                                            \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                      \
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhvvQud1x5PdAICA+gw\n"                           \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEF/imqrluzJ5VNv9DfZxRGsEQLFv\n"                           \
    "uCsQ2blYGTGH9KnfvTFVDMLp821WFqrMOHKWQJ0f9I07Mnax8fOZPamkxg+3Rwe6\n"                           \
    "vv0wodwmPA6y01taeRo=\n"                                                                       \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

/* openssl genpkey -algorithm x25519 */
#define X25519_PRIVATE                                                                             \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VuBCIEIIhM1/dnZtBFE6IuuBoGQtpqcS1XrwiyE+3r3bHOcIJU\n"                           \
    "-----END PRIVATE KEY-----\n"

#define X25519_PUBLIC_PEM                                                                          \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VuAyEAbjGr4zEdVfq4wLGVuhU9iWgaceLAaHQu4OlzX/Vp2m4=\n"                               \
    "-----END PUBLIC KEY-----\n"

/* openssl ecparam -name prime256v1 -genkey: PEM older than PKCS#8 */
#define LEGACY_EC                                                                                  \
    "-----BEGIN EC PRIVATE KEY-----\n"                                                             \
    "MHcCAQEEIKrTSy4bPvGsnk9/WBxkXsJg2Sg0Qp4OtKzU5Es9yCn6oAoGCCqGSM49\n"                           \
    "AwEHoUQDQgAEarV1uJqZ1dYxUoEg7cfE7YJuCdo1H/EAiIfa4gAFIT/U81lHlM0q\n"                           \
    "zqBli159MuYRaWR3fy795pGnL1sOcOSAcg==\n"                                                       \
    "-----END EC PRIVATE KEY-----\n"

/* ssh-keygen -e: a form that kith does not know */
#define SSH2_PUBLIC                                                                                \
    "---- BEGIN SSH2 PUBLIC KEY ----\n"                                                            \
    "AAAAC3NzaC1lZDI1NTE5AAAAIODt8Ju7YTD8G6k/E27YgPg7a0qvc8BJxiRfESK3msdc\n"                       \
    "---- END SSH2 PUBLIC KEY ----\n"

#endif
