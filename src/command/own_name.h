/*
 * How we call ourselves, where others can read it.
 */
#ifndef KITH_OWN_NAME_H
#define KITH_OWN_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "keys/public_key.h"

/*
 * What was given (-n), else the user's name, or root's host's, as far as it is a good one, else
 * "unnamed". False if what was given is none; problem then says why.
 */
bool own_name(char name[static NAME_SIZE], const char *given, struct problem *problem);

/*
 * Our public key, and the name after it or "", as they stand in the .pub file that keygen puts
 * beside an identity (given, or NULL for the default one). False if that is not there.
 */
bool own_published(uint8_t key[static KEY_SIZE], char name[static NAME_SIZE], const char *identity);

#endif
