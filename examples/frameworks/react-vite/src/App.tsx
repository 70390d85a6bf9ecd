import { useEffect, useState } from 'react'
import { classify } from './classify'
import { picture } from './picture'

export function App() {
  const [scores, setScores] = useState<readonly number[]>([])
  const [error, setError] = useState<string>()

  useEffect(() => {
    let gone = false
    classify(picture).then(
      (found) => !gone && setScores([...found]),
      (cause: unknown) => !gone && setError(String(cause)),
    )
    return () => {
      gone = true
    }
  }, [])

  if (error !== undefined) return <p role="alert">{error}</p>
  if (scores.length === 0) return <p>Looking …</p>
  return (
    <>
      <p>
        It looks like a <output>{scores.indexOf(Math.max(...scores))}</output>.
      </p>
      <ol start={0}>
        {scores.map((score, digit) => (
          <li key={digit}>{score.toFixed(4)}</li>
        ))}
      </ol>
    </>
  )
}
