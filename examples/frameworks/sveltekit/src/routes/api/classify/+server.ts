import { json } from '@sveltejs/kit'
import { classify } from '$lib/classify'

/** The same model on the server, in onnxruntime-node. The body is 64 grays from 0 to 1, as JSON. */
export async function POST({ request }: { request: Request }): Promise<Response> {
  const picture: number[] = await request.json()
  return json([...(await classify(Float32Array.from(picture)))])
}
