import { describe, expect, it } from 'vitest'
import { readPatients } from '../src/patients'
import { meanAbsoluteError, r2 } from '../src/score'

describe('a table of patients', () => {
  it('is read by the names of its columns, wherever they stand', () => {
    const csv =
      'progress,age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n79,1,2,3,4,5,6,7,8,9,10\n55,0,0,0,0,0,0,0,0,0,-1.5\n'
    const { features, progress } = readPatients(csv)
    expect([...features]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1.5])
    expect([...progress]).toEqual([79, 55])
  })

  it('says which column is missing', () => {
    expect(() => readPatients('age,sex\n1,2\n')).toThrow("no column 'bmi'")
  })

  it('says where a cell holds no number', () => {
    const csv = 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,progress\n1,2,3,4,5,6,7,8,9,10,11\n1,2,,4,5,6,7,8,9,10,11\n'
    expect(() => readPatients(csv)).toThrow("line 3, 'bmi': no number")
  })
})

describe('scores', () => {
  it('are 1 for perfect predictions and 0 for the mean', () => {
    expect(r2([1, 2, 6], [1, 2, 6])).toBe(1)
    expect(r2([3, 3, 3], [1, 2, 6])).toBe(0)
  })

  it('tell how far predictions are off on average', () => {
    expect(meanAbsoluteError([2, 2, 3], [1, 2, 6])).toBeCloseTo(4 / 3)
  })
})
