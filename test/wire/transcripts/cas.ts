import assert from 'node:assert/strict'
import type { Captures } from '../../support/pattern.ts'
import type { Transcripts } from '../../support/transcript.ts'

/** All captured numbers are different, and each later one is larger. */
function ascending(...names: string[]): (captures: Captures) => void {
  return (captures) => {
    const numbers = names.map((name) => BigInt(captures.get(name) ?? '-1'))
    for (let index = 1; index < numbers.length; index++) {
      assert.ok((numbers[index] ?? 0n) > (numbers[index - 1] ?? 0n), `${names} are ${numbers}`)
    }
  }
}

function same(left: string, right: string): (captures: Captures) => void {
  return (captures) => assert.equal(captures.get(left), captures.get(right))
}

export const cas: Transcripts = {
  'cas stores once with the number that gets gave': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=old}\n1\nEND'],
    ['cas @a 5 0 2 {old}\n22', 'STORED'],
    ['cas @a 6 0 2 {old}\n33', 'EXISTS'],
    ['gets @a', 'VALUE @a 5 2 {n=new}\n22\nEND'],
    ascending('old', 'new'),
    ['cas @a 7 0 0 {new}\n', 'STORED'],
    ['get @a', 'VALUE @a 7 0\n\nEND'],
  ],
  'cas on a key that is not there is NOT_FOUND': [
    ['cas @a 0 0 1 1\n1', 'NOT_FOUND'],
    ['cas @a 0 0 1 0\n1', 'NOT_FOUND'],
    ['get @a', 'END'],
  ],
  'cas with unique 0 never matches': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['cas @a 0 0 1 0\n2', 'EXISTS'],
    ['get @a', 'VALUE @a 0 1\n1\nEND'],
  ],
  'cas takes any unsigned 64-bit number': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['cas @a 0 0 1 18446744073709551615\n2', 'EXISTS'],
    ['cas @a 0 0 1 9223372036854775808\n2', 'EXISTS'],
    ['cas @a 0 0 1 0000000000000000000001\n2', 'EXISTS'],
    ['cas @a 0 0 1 18446744073709551616\n2', 'CLIENT_ERROR bad command line format'],
    ['get @a', 'VALUE @a 0 1\n1\nEND'],
  ],
  'a cas unique that is no number is refused and the data swallowed': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['cas @a 0 0 5 x\nget a', 'CLIENT_ERROR bad command line format'],
    ['cas @a 0 0 1 -1\n2', 'CLIENT_ERROR bad command line format'],
    ['cas @a 0 0 1 1x\n2', 'CLIENT_ERROR bad command line format'],
    ['get @a', 'VALUE @a 0 1\n1\nEND'],
  ],
  'cas without its unique still swallows its data': [
    ['cas @a 0 0 5\nget a', 'CLIENT_ERROR bad command line format'],
    ['version', 'VERSION 1.6.45'],
  ],
  'cas without its length expects no data': [
    ['cas @a 0 0', 'CLIENT_ERROR bad command line format'],
    ['version', 'VERSION 1.6.45'],
  ],
  'every change gives a larger unique': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=set}\n1\nEND'],
    ['replace @a 0 0 1\n2', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=replace}\n2\nEND'],
    ['append @a 0 0 1\n3', 'STORED'],
    ['gets @a', 'VALUE @a 0 2 {n=append}\n23\nEND'],
    ['prepend @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 3 {n=prepend}\n123\nEND'],
    ['incr @a 1', '124'],
    ['gets @a', 'VALUE @a 0 3 {n=incr}\n124\nEND'],
    ['decr @a 1', '123'],
    ['gets @a', 'VALUE @a 0 3 {n=decr}\n123\nEND'],
    ['cas @a 0 0 1 {decr}\n9', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=cas}\n9\nEND'],
    ascending('set', 'replace', 'append', 'prepend', 'incr', 'decr', 'cas'),
  ],
  'touch and gat keep the unique': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=before}\n1\nEND'],
    ['touch @a 100', 'TOUCHED'],
    ['gets @a', 'VALUE @a 0 1 {n=touched}\n1\nEND'],
    ['gats 100 @a', 'VALUE @a 0 1 {n=got}\n1\nEND'],
    same('before', 'touched'),
    same('before', 'got'),
  ],
  'an item deleted and set again has another unique': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=first}\n1\nEND'],
    ['delete @a', 'DELETED'],
    ['cas @a 0 0 1 {first}\n2', 'NOT_FOUND'],
    ['add @a 0 0 1\n1', 'STORED'],
    ['cas @a 0 0 1 {first}\n2', 'EXISTS'],
    ['gets @a', 'VALUE @a 0 1 {n=second}\n1\nEND'],
    ascending('first', 'second'),
  ],
  'gets of several keys gives each its own unique': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['set @b 0 0 1\n2', 'STORED'],
    ['gets @a @b', 'VALUE @a 0 1 {n=a}\n1\nVALUE @b 0 1 {n=b}\n2\nEND'],
    ascending('a', 'b'),
    ['cas @b 0 0 1 {a}\n3', 'EXISTS'],
    ['cas @a 0 0 1 {a}\n3', 'STORED'],
    ['cas @b 0 0 1 {b}\n4', 'STORED'],
  ],
  'cas heeds noreply': [
    ['set @a 0 0 1\n1', 'STORED'],
    ['gets @a', 'VALUE @a 0 1 {n=old}\n1\nEND'],
    ['cas @a 0 0 1 {old} noreply\n2', ''],
    ['cas @a 0 0 1 {old} noreply\n3', ''],
    ['cas @none 0 0 1 1 noreply\n3', ''],
    ['get @a', 'VALUE @a 0 1\n2\nEND'],
  ],
}
